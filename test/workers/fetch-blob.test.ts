import assert from 'node:assert/strict'
import { appendFile, open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { FsIngest } from '../../src/blobs/fs-ingest.js'
import type { ErrorCode } from '../../src/errors.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { createControl, reportedBytes, requestStop } from '../../src/pool/task-control.js'
import type { FetchBlobTask, FetchBlobValue, TaskOutcome, WorkerSettings } from '../../src/pool/tasks.js'
import { openTransport } from '../../src/registry/http-dispatcher.js'
import { BlobDownload } from '../../workers/blob-download.js'
import { closeTransport, fetchBlob } from '../../workers/fetch-blob.js'
import { aTransport } from '../support/a-transport.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { contentOf } from '../support/blob-content.js'
import { anAnswer } from '../support/raw-answer.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const MIB = 1024 * 1024
const settings: WorkerSettings = {
  transport: aTransport({ headersTimeoutMs: 300, bodyTimeoutMs: 300, progressWindowMs: 200, minBytesPerSecond: 1000 }),
  checkpointEveryBytes: MIB,
}

describe('fetch-blob', () => {
  let registry: RawRegistry
  let image: BuiltImage
  let layer: Descriptor
  let bytes: Buffer
  let ingest: string

  before(async () => {
    image = await anImage({ layers: [{ bytes: 3 * MIB }] })
    layer = [...image.platforms.values()][0]?.layers[0] as Descriptor
    bytes = Buffer.from(image.blobs.get(layer.digest) as Uint8Array)
  })
  after(() => closeTransport(settings))
  beforeEach(async () => {
    ingest = await tempDir()
    registry = await startRawRegistry()
    registry.add(image, 'app', 'v1')
  })
  afterEach(() => registry.close())

  const taskOf = (changes: Partial<FetchBlobTask>): FetchBlobTask => ({
    kind: 'fetch-blob',
    digest: layer.digest,
    size: layer.size,
    ingest,
    source: { url: `${registry.url}/v2/app/blobs/${layer.digest}`, headers: {}, host: registry.host },
    boot: 'this-boot',
    durability: 'full',
    control: createControl(),
    ...changes,
  })
  const fetchLayer = (changes: Partial<FetchBlobTask> = {}) => fetchBlob(taskOf(changes), settings)
  const blob = { kind: 'blob', method: 'GET' } as const
  const data = () => readFile(join(ingest, 'data'))
  const ranges = () => registry.requestsFor(blob).map(({ headers }) => headers.range)

  it('writes exactly the bytes, read-only, and says how many came', async () => {
    const control = createControl()
    assert.deepEqual(await fetchLayer({ control }), value({ received: layer.size, resumed: 0, restarted: false }))
    assert.ok(bytes.equals(await data()), 'other bytes')
    assert.equal((await stat(join(ingest, 'data'))).mode & 0o777, 0o444)
    assert.equal(reportedBytes(control), layer.size)
  })

  const broken: readonly [string, steps.Step, ErrorCode][] = [
    ['a reset in the middle', steps.resetAfter(MIB), 'CONNECTION_LOST'],
    ['an early end of a body of announced length', steps.finAfter(MIB), 'CONNECTION_LOST'],
    ['a truncated chunked body', steps.all(steps.chunked(), steps.finAfter(MIB)), 'CONNECTION_LOST'],
    ['an HTTP/1.0 body that ends early', steps.all(steps.http10(), steps.finAfter(MIB)), 'CONNECTION_LOST'],
    ['silence in the middle', steps.hangAfter(MIB), 'TIMEOUT'],
  ]
  for (const [fault, step, code] of broken) {
    it(`keeps what came before ${fault}, and goes on from there`, async () => {
      registry.script(blob, step)
      assert.equal(codeOf(await fetchLayer()), code)
      const kept = (await data()).length
      assert.ok(kept > 0, 'nothing was kept')
      const { received, resumed, restarted } = resultOf(await fetchLayer())
      assert.deepEqual(
        { received, resumed, restarted },
        { received: layer.size - kept, resumed: kept, restarted: false },
      )
      assert.deepEqual(ranges(), [undefined, `bytes=${kept}-`])
      assert.ok(bytes.equals(await data()), 'other bytes')
    })
  }

  const tolerated: readonly [string, steps.Step][] = [
    ['a chunked body', steps.chunked()],
    ['an HTTP/1.0 body that ends with the connection', steps.http10()],
    ['bytes after the announced length', steps.surplus(100)],
  ]
  for (const [oddity, step] of tolerated) {
    it(`accepts ${oddity}`, async () => {
      registry.script(blob, step)
      assert.equal(resultOf(await fetchLayer()).received, layer.size)
      assert.ok(bytes.equals(await data()), 'other bytes')
    })
  }

  const refused: readonly [string, steps.Step, ErrorCode][] = [
    ['500', steps.respond(500), 'REGISTRY_UNAVAILABLE'],
    ['503', steps.respond(503), 'REGISTRY_UNAVAILABLE'],
    ['429', steps.tooManyRequests(7), 'TOOMANYREQUESTS'],
    ['404', steps.fail(404, 'BLOB_UNKNOWN'), 'BLOB_UNKNOWN'],
    ['403', steps.fail(403, 'DENIED'), 'DENIED'],
    ['401', steps.unauthorized('Bearer realm="http://127.0.0.1/token"'), 'UNAUTHORIZED'],
    ['no headers', steps.hangAfter(0), 'TIMEOUT'],
    ['a trickle', steps.trickle(1, 50), 'TIMEOUT'],
    ['something that is not HTTP', steps.raw('SSH-2.0-OpenSSH_9.2\r\n'), 'PROTOCOL_ERROR'],
    [
      'two different lengths',
      steps.raw('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
      'PROTOCOL_ERROR',
    ],
    ['a 206 nobody asked for', steps.raw(`HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n`), 'RANGE_INVALID'],
    ['a captive portal', steps.captivePortal(), 'SIZE_MISMATCH'],
    ['a redirect to another scheme', steps.redirect('ftp://127.0.0.1/x'), 'REDIRECT_REFUSED'],
    ['a redirect to itself, for ever', steps.redirect(({ path }) => path), 'REDIRECT_REFUSED'],
  ]
  for (const [fault, step, code] of refused) {
    it(`answers ${fault} with ${code}, naming host and step`, async () => {
      registry.always(blob, step)
      const outcome = await fetchLayer()
      assert.equal(codeOf(outcome), code)
      const { host, step: at } = failureOf(outcome).details
      assert.deepEqual({ host, at }, { host: registry.host, at: 'blob' })
    })
  }

  it('passes on how long a busy registry asks to wait', async () => {
    registry.script(blob, steps.tooManyRequests(7))
    assert.equal(failureOf(await fetchLayer()).details.retryAfterMs, 7000)
  })

  it('passes on the challenge of a 401, so that the main thread can answer it', async () => {
    registry.script(blob, steps.unauthorized('Basic realm="here"'))
    assert.equal(failureOf(await fetchLayer()).details.challenge, 'Basic realm="here"')
  })

  describe('when an earlier run left a part', () => {
    beforeEach(async () => {
      registry.script(blob, steps.resetAfter(MIB))
      await fetchLayer()
      registry.requests.length = 0
    })

    const unusable: readonly [string, steps.Step][] = [
      ['starts elsewhere', steps.contentRange('bytes 0-9/10')],
      ['has no Content-Range', steps.contentRange(undefined)],
      ['is of unknown length', steps.contentRange(`bytes ${MIB}-${MIB}/*`)],
      ['is a 416', steps.respond(416)],
    ]
    for (const [fault, step] of unusable) {
      it(`begins again from zero when the answer to a Range ${fault}`, async () => {
        registry.script({ ...blob, range: true }, step)
        const { received, resumed, restarted } = resultOf(await fetchLayer())
        assert.deepEqual({ received, resumed, restarted }, { received: layer.size, resumed: 0, restarted: true })
        assert.equal(ranges()[1], undefined)
        assert.ok(bytes.equals(await data()), 'other bytes')
      })
    }

    it('begins again in the same answer when the server ignores the Range', async () => {
      registry.script(blob, steps.ignoreRange())
      const { received, restarted } = resultOf(await fetchLayer())
      assert.deepEqual({ received, restarted }, { received: layer.size, restarted: true })
      assert.equal(ranges().length, 1)
      assert.ok(bytes.equals(await data()), 'other bytes')
    })

    it('throws the part away when it was changed since, asking caches for a new copy', async () => {
      const file = await open(join(ingest, 'data'), 'r+')
      await file.write(Uint8Array.of((bytes[1000] as number) ^ 1), 0, 1, 1000)
      await file.close()
      const { received, restarted } = resultOf(await fetchLayer())
      assert.equal(restarted, true)
      assert.ok(received >= layer.size)
      assert.equal(registry.requestsFor(blob).at(-1)?.headers['cache-control'], 'no-cache')
      assert.ok(bytes.equals(await data()), 'other bytes')
    })

    it('keeps the part when a page comes instead of the blob', async () => {
      const kept = (await data()).length
      for (const range of [true, false]) registry.script({ ...blob, range }, steps.captivePortal())
      assert.equal(codeOf(await fetchLayer()), 'SIZE_MISMATCH')
      assert.equal((await data()).length, kept)
      assert.equal(resultOf(await fetchLayer()).resumed, kept)
    })

    it('reads no further in it when it is asked to stop', async () => {
      const present = (await data()).length
      await appendFile(join(ingest, 'data'), bytes.subarray(present))
      const opened = FsIngest.open(ingest, { digest: layer.digest, size: layer.size, boot: 'this-boot' })
      const stop = new AbortController()
      let reads = 0
      const read = (offset: number, buffer: Uint8Array): number => {
        reads += 1
        stop.abort()
        return opened.read(offset, buffer)
      }
      const download = new BlobDownload({
        task: taskOf({}),
        settings,
        ingest: Object.create(opened, { read: { value: read }, trusted: { get: () => opened.trusted } }) as FsIngest,
        transport: openTransport(settings.transport),
        signal: stop.signal,
      })
      await assert.rejects(download.complete(), { code: 'ABORTED' })
      assert.equal(reads, 1)
      await opened.close()
    })

    it('needs no request when all bytes are there already', async () => {
      const present = (await data()).length
      await appendFile(join(ingest, 'data'), bytes.subarray(present))
      assert.deepEqual(resultOf(await fetchLayer()), { received: 0, resumed: layer.size, restarted: false })
      assert.equal(registry.requestsFor(blob).length, 0)
    })

    it('starts over when the part is longer than the blob', async () => {
      await truncate(join(ingest, 'data'), layer.size + 1)
      assert.equal(resultOf(await fetchLayer()).received, layer.size)
    })
  })

  it('asks once more for wrong bytes, then gives up and keeps none of them', async () => {
    registry.always(blob, steps.wrongByte(5))
    const outcome = await fetchLayer()
    assert.equal(codeOf(outcome), 'DIGEST_MISMATCH')
    assert.equal(failureOf(outcome).details.expected, layer.digest)
    assert.equal(registry.requestsFor(blob).length, 2)
    assert.equal((await data()).length, 0)
  })

  it('succeeds when only the first copy was wrong', async () => {
    registry.script(blob, steps.wrongByte(5))
    assert.equal(resultOf(await fetchLayer()).restarted, true)
    assert.ok(bytes.equals(await data()), 'other bytes')
  })

  it('refuses a size that the server announces differently, before the body', async () => {
    const outcome = await fetchLayer({ size: layer.size + 1 })
    assert.equal(codeOf(outcome), 'SIZE_MISMATCH')
    assert.equal(registry.requestsFor(blob).length, 1)
  })

  it('cuts off a body of unannounced length one byte above the size', async () => {
    registry.script(blob, steps.all(steps.longer(MIB), steps.chunked()))
    assert.equal(codeOf(await fetchLayer()), 'SIZE_MISMATCH')
    assert.equal((await data()).length, 0)
  })

  it('follows a redirect without showing the credential to another origin', async () => {
    const elsewhere = await startRawRegistry()
    elsewhere.always({}, () => anAnswer({ body: contentOf(bytes) }))
    registry.script(blob, steps.redirect(`${elsewhere.url}/storage/blob?signature=abc`))
    const outcome = await fetchBlob(
      {
        kind: 'fetch-blob',
        digest: layer.digest,
        size: layer.size,
        ingest,
        source: {
          url: `${registry.url}/v2/app/blobs/${layer.digest}`,
          headers: { authorization: 'Bearer canary' },
          host: registry.host,
        },
        boot: 'this-boot',
        durability: 'full',
        control: createControl(),
      },
      settings,
    )
    assert.equal(resultOf(outcome).received, layer.size)
    assert.equal(registry.requests[0]?.headers.authorization, 'Bearer canary')
    assert.equal(elsewhere.requests[0]?.headers.authorization, undefined)
    await elsewhere.close()
  })

  it('stops when it is asked to, keeping what it has', async () => {
    const control = createControl()
    const never = new Promise(() => undefined)
    registry.script(blob, steps.stallAfter(MIB, never))
    const arrived = registry.nextRequest(blob)
    const running = fetchLayer({ control })
    await arrived
    requestStop(control)
    assert.equal(codeOf(await running), 'ABORTED')
    assert.equal(resultOf(await fetchLayer()).restarted, false)
  })

  it('leaves no timer behind when the ingest cannot be opened', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()

    await writeFile(join(ingest, 'file'), '')
    assert.equal(codeOf(await fetchLayer({ ingest: join(ingest, 'file', 'below') })), 'STORE_FAILED')
    assert.equal(timers(), before)
  })

  it('serves an empty blob without asking for it', async () => {
    const digest = await digestBytes(new Uint8Array())
    const source = { url: `${registry.url}/v2/app/blobs/${digest}`, headers: {}, host: registry.host }
    const task = { kind: 'fetch-blob', digest, size: 0, ingest, source, boot: 'b', durability: 'full' } as const
    const outcome = await fetchBlob({ ...task, control: createControl() }, settings)
    assert.deepEqual(resultOf(outcome), { received: 0, resumed: 0, restarted: false })
    assert.equal(registry.requests.length, 0)
  })
})

function value(expected: FetchBlobValue): TaskOutcome<FetchBlobValue> {
  return { ok: true, value: expected }
}

function resultOf(outcome: TaskOutcome<FetchBlobValue>): FetchBlobValue {
  assert.ok(outcome.ok, outcome.ok ? '' : `${outcome.failure.code}: ${outcome.failure.message}`)
  return outcome.value
}

function failureOf(outcome: TaskOutcome<FetchBlobValue>) {
  assert.ok(!outcome.ok, 'it succeeded')
  return outcome.failure
}

function codeOf(outcome: TaskOutcome<FetchBlobValue>): ErrorCode {
  return failureOf(outcome).code
}
