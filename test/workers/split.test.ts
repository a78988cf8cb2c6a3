import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { createControl } from '../../src/pool/task-control.js'
import type { WorkerSettings } from '../../src/pool/tasks.js'
import { closeTransport, fetchBlob } from '../../workers/fetch-blob.js'
import { aTransport } from '../support/a-transport.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const MIB = 1024 * 1024
const settings: WorkerSettings = { transport: aTransport({ connectionsPerHost: 8 }), checkpointEveryBytes: MIB }
const blob = { kind: 'blob', method: 'GET' } as const

describe('a large blob over slow connections', () => {
  let image: BuiltImage
  let layer: Descriptor
  let bytes: Buffer
  let registry: RawRegistry
  let ingest: string

  before(async () => {
    image = await anImage({ layers: [{ bytes: 80 * MIB }] })
    layer = [...image.platforms.values()][0]?.layers[0] as Descriptor
    bytes = Buffer.from(image.blobs.get(layer.digest) as Uint8Array)
  })
  afterEach(() => registry.close())
  after(() => closeTransport(settings))

  async function start(options: RawRegistryOptions = {}): Promise<void> {
    registry = await startRawRegistry({ bytesPerSecond: 48 * MIB, ...options })
    registry.add(image, 'app', 'v1')
    ingest = await tempDir()
  }

  async function fetchLayer() {
    const source = { url: `${registry.url}/v2/app/blobs/${layer.digest}`, headers: {}, host: registry.host }
    const { digest, size } = layer
    const task = { kind: 'fetch-blob', digest, size, ingest, source, boot: 'boot', durability: 'relaxed' } as const
    const outcome = await fetchBlob({ ...task, control: createControl() }, settings)
    if (outcome.ok) assert.ok(bytes.equals(await readFile(join(ingest, 'data'))), 'other bytes')
    return outcome
  }
  const ranges = () => registry.requestsFor({ ...blob, range: true })

  it('comes over several at once, each byte once', async () => {
    await start()
    const outcome = await fetchLayer()
    assert.ok(outcome.ok)
    assert.equal(outcome.value.received, layer.size)
    assert.ok(ranges().length >= 1, `${ranges().length} ranges`)
    assert.ok(new Set(registry.requests.map(({ connection }) => connection)).size >= 2)
  })

  it('falls back to one when the server ignores ranges', async () => {
    await start()
    registry.always({ ...blob, range: true }, steps.ignoreRange())
    const outcome = await fetchLayer()
    assert.ok(outcome.ok && outcome.value.restarted)
  })

  it('falls back to one when the server gives other ranges than asked', async () => {
    await start()
    registry.always({ ...blob, range: true }, steps.contentRange('bytes 0-9/10'))
    const outcome = await fetchLayer()
    assert.ok(outcome.ok && outcome.value.restarted)
  })

  it('notices when the ranges hold the wrong bytes, and gets them right over one', async () => {
    await start()
    registry.always({ ...blob, range: true }, steps.wrongByte(5))
    const outcome = await fetchLayer()
    assert.ok(outcome.ok && outcome.value.restarted)
  })

  it('makes do with the connections that the server allows', async () => {
    await start()
    registry.script({ ...blob, range: true }, steps.tooManyRequests(1))
    const outcome = await fetchLayer()
    assert.ok(outcome.ok)
    assert.equal(outcome.value.restarted, false)
    assert.equal(outcome.value.received, layer.size)
  })

  it('keeps what all of them brought when one breaks in the middle, and fetches only the gaps', async () => {
    await start()
    registry.script({ ...blob, range: true }, steps.resetAfter(4 * MIB))
    const broken = await fetchLayer()
    assert.equal(broken.ok, false)
    const outcome = await fetchLayer()
    assert.ok(outcome.ok)
    assert.ok(outcome.value.resumed > 4 * MIB)
    assert.equal(outcome.value.received + outcome.value.resumed, layer.size)
  })
})
