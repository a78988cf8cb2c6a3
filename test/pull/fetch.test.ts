import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Claim, Claims } from '../../src/blobs/blob-store.js'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { MemoryClaims } from '../../src/blobs/memory-claims.js'
import { type ErrorCode, type ErrorDetails, HearthError, isHearthError } from '../../src/errors.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import type { BlobSource } from '../../src/oci/blob-source.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { OCI_LAYER } from '../../src/oci/media-type.js'
import { parseReference, type Reference } from '../../src/oci/reference.js'
import { DEFAULTS } from '../../src/options.js'
import { collect, Jobs } from '../../src/pull/abortable.js'
import { type FetchDeps, fetchBlobs } from '../../src/pull/fetch.js'
import { HostPauses } from '../../src/pull/host-pauses.js'
import { Lanes } from '../../src/pull/lanes.js'
import type { ProgressEvent } from '../../src/pull/progress.js'
import { Recorder } from '../../src/pull/recorder.js'
import { SingleFlight } from '../../src/pull/single-flight.js'
import { MemoryRegistry, type MemoryRequest } from '../../src/registry/memory-registry.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { MemoryPool } from '../support/memory-pool.js'

const APP = parseReference('registry.test/app:v1')
const OTHER = parseReference('registry.test/other:v1')

describe('fetchBlobs', () => {
  let image: BuiltImage
  let layers: readonly Descriptor[]
  let layer: Descriptor
  let registry: MemoryRegistry
  let blobs: MemoryBlobStore
  let log: MemoryEventLog
  let pool: MemoryPool
  let progress: ProgressEvent[]
  let answer: (request: MemoryRequest) => void | Promise<void>
  let deps: FetchDeps

  beforeEach(async () => {
    image = await anImage({ layers: [{}, {}, {}] })
    layers = [...image.platforms.values()][0]?.layers ?? []
    layer = layers[0] ?? assert.fail('it has layers')
    answer = () => undefined
    use(new MemoryRegistry({ before: (request) => answer(request) }))
  })

  function use(served: MemoryRegistry, changes: Partial<FetchDeps> = {}): void {
    const { lanes = new Lanes(4) } = changes
    const retry = { ...DEFAULTS.retry, retries: 2, minDelayMs: 0, maxDelayMs: 0 }
    registry = served
    registry.add(APP, image)
    registry.add(OTHER, image)
    blobs = new MemoryBlobStore()
    log = new MemoryEventLog()
    pool = new MemoryPool(registry, blobs)
    progress = []
    const parts = { log, blobs, boot: 'boot', durability: 'full' } as const
    deps = {
      ...parts,
      registry,
      pool,
      claims: new MemoryClaims(),
      recorder: new Recorder({ ...parts, materialise: async () => undefined, now: () => 0 }),
      lanes,
      pauses: new HostPauses({ lanes, policy: retry, random: () => 0, now: () => 0 }),
      jobs: new Jobs(),
      inFlight: new SingleFlight(),
      isPresent: async ({ digest }) => log.state.blobs.has(digest),
      retry,
      hooks: { random: () => 0 },
      onProgress: (event) => progress.push(event),
      ...changes,
    }
  }
  const fetch = (reference: Reference, plan: readonly Descriptor[], signal?: AbortSignal) =>
    collect(fetchBlobs(reference, plan, deps), signal)
  const asked = (repository?: string) =>
    registry.requests.filter(
      (request) => request.step === 'blob' && [undefined, request.repository].includes(repository),
    )

  it('commits and records each blob once, also one that is planned twice', async () => {
    const fetched = await fetch(APP, [...layers, layer])
    assert.equal(fetched.length, layers.length)
    assert.equal(asked().length, layers.length)
    assert.deepEqual(new Set(log.state.blobs.keys()), new Set(layers.map(({ digest }) => digest)))
  })

  it('gives nothing for an empty plan', async () => {
    assert.deepEqual(await fetch(APP, []), [])
  })

  it('downloads once what two images want at the same time, and says for whom', async () => {
    const [own, joined] = await Promise.all([fetch(APP, [layer]), fetch(OTHER, [layer])])
    assert.equal(asked().length, 1)
    assert.deepEqual([own[0]?.by, joined[0]?.by], [APP, APP])
  })

  it('does not download what somebody has committed between the plan and our turn', async () => {
    await fetch(APP, [layer])
    const [again] = await fetch(OTHER, [layer])
    assert.equal(again?.received, 0)
    assert.equal(asked().length, 1)
    assert.equal(progress.at(-1)?.type, 'blob-done')
  })

  it('downloads what stands there but is not what it should be', async () => {
    blobs.put(blobs.pathOf(layer.digest), new Uint8Array(layer.size))
    const [fetched] = await fetch(APP, [layer])
    assert.equal(fetched?.received, layer.size)
  })

  it('goes on for the others when the one that began it is stopped', async () => {
    const stop = new AbortController()
    const gate = newGate()
    answer = () => gate.opened
    const first = fetch(APP, [layer], stop.signal)
    const second = fetch(OTHER, [layer])
    await turn()
    stop.abort()
    await assert.rejects(first, { code: 'ABORTED' })
    gate.open()
    assert.equal((await second).length, 1)
    assert.equal(asked().length, 1)
  })

  it('is aborted when the last one that wants it is stopped', async () => {
    const stop = new AbortController()
    answer = () => new Promise(() => undefined)
    let aborted = false
    pool.fetchBlob = (_, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => {
          aborted = true
          reject(new HearthError('ABORTED', 'stopped'))
        })
      })
    const both = [fetch(APP, [layer], stop.signal), fetch(OTHER, [layer], stop.signal)]
    await turn()
    stop.abort()
    for (const one of both) await assert.rejects(one, { code: 'ABORTED' })
    await deps.jobs.ended()
    assert.equal(aborted, true)
  })

  describe('when a shared download fails', () => {
    it('takes the blob from its own repository', async () => {
      answer = refuse('BLOB_UNKNOWN', ({ repository }) => repository === 'app')
      const first = fetch(APP, [layer])
      const second = fetch(OTHER, [layer])
      await assert.rejects(first, { code: 'BLOB_UNKNOWN' })
      assert.equal((await second)[0]?.by, OTHER)
      assert.deepEqual([asked('app').length, asked('other').length], [1, 1])
    })

    it('does not ask the same repository once more for each image in it', async () => {
      answer = refuse('REGISTRY_UNAVAILABLE')
      const images = Array.from({ length: 20 }, (_, at) => parseReference(`registry.test/app:v${at}`))
      const results = await Promise.allSettled(images.map((reference) => fetch(reference, [layer])))
      assert.ok(results.every(({ status }) => status === 'rejected'))
      assert.equal(asked().length, 3, 'one attempt and two retries, for all of them')
    })

    it('asks each repository once', async () => {
      answer = refuse('BLOB_UNKNOWN')
      const images = Array.from({ length: 5 }, (_, at) => parseReference(`registry.test/app-${at}:v1`))
      for (const reference of images) registry.add(reference, image)
      await Promise.allSettled(images.map((reference) => fetch(reference, [layer])))
      assert.deepEqual(
        images.map(({ repository }) => asked(repository).length),
        [1, 1, 1, 1, 1],
      )
    })

    it('does not try elsewhere when our own disk is full', async () => {
      pool.fetchBlob = async () => {
        throw new HearthError('NO_SPACE', 'full')
      }
      for (const fetched of [fetch(APP, [layer]), fetch(OTHER, [layer])]) {
        await assert.rejects(fetched, { code: 'NO_SPACE' })
      }
    })

    it('does not fail an image for another one that lies about the size of the blob', async () => {
      const liar = fetch(parseReference('registry.test/app:liar'), [{ ...layer, size: layer.size + 1 }])
      const honest = fetch(APP, [layer])
      await assert.rejects(liar, { code: 'SIZE_MISMATCH' })
      assert.equal((await honest).length, 1)
    })
  })

  describe('retries', () => {
    it('what may pass, and says so', async () => {
      answer = failTimes(2, 'CONNECTION_LOST')
      await fetch(APP, [layer])
      assert.deepEqual(
        progress.flatMap((event) => (event.type === 'blob-retry' ? [event.attempt] : [])),
        [1, 2],
      )
    })

    it('until the attempts are used up, and names the repository that failed', async () => {
      answer = refuse('CONNECTION_LOST')
      await assert.rejects(
        fetch(APP, [layer]),
        (error) => isHearthError(error, 'CONNECTION_LOST') && error.details.repository === 'registry.test/app',
      )
      assert.equal(asked().length, 3)
      assert.equal(progress.at(-1)?.type, 'blob-failed')
    })

    it('without end as long as each attempt gets further', async () => {
      let attempts = 0
      pool.fetchBlob = async (task, options) => {
        attempts += 1
        options?.onBytes?.(attempts * 2 * 1024 * 1024)
        if (attempts < 20) throw new HearthError('CONNECTION_LOST', 'lost')
        await blobs.stage(task.digest, image.blobs.get(task.digest) ?? assert.fail())
        return { received: layer.size, resumed: 0, restarted: false }
      }
      assert.equal((await fetch(APP, [layer])).length, 1)
    })

    it('not for ever when a server begins again each time and never gets further', async () => {
      let attempts = 0
      pool.fetchBlob = async (_, options) => {
        attempts += 1
        options?.onBytes?.(0)
        options?.onBytes?.((attempts % 2 === 0 ? 2 : 5) * 1024 * 1024)
        throw new HearthError(attempts < 50 ? 'CONNECTION_LOST' : 'INTERNAL', 'lost')
      }
      await assert.rejects(fetch(APP, [layer]), { code: 'CONNECTION_LOST' })
    })

    it('and holds back everything else that would ask the registry, manifests too', async () => {
      use(new HubRegistry({ before: (request) => answer(request) }))
      const hub = parseReference('redis:7')
      registry.add(hub, image)
      answer = refuse('TOOMANYREQUESTS', () => true, { retryAfterMs: 60_000, host: 'auth.docker.io' })
      const stop = new AbortController()
      const fetching = fetch(hub, [layer], stop.signal)
      while (!progress.some(({ type }) => type === 'blob-retry')) await turn()
      let entered = false
      deps.lanes.enter('docker.io', 'name', stop.signal).then(
        () => (entered = true),
        () => undefined,
      )
      await turn()
      assert.equal(entered, false)
      stop.abort()
      await assert.rejects(fetching, { code: 'ABORTED' })
    })

    it('and lets nobody in between the refusal and the pause', async () => {
      use(new HubRegistry({ before: (request) => answer(request) }), { lanes: new Lanes(1) })
      const hub = parseReference('redis:7')
      registry.add(hub, image)
      const stop = new AbortController()
      let entered = false
      answer = () => {
        deps.lanes.enter('docker.io', 'name', stop.signal).then(
          () => (entered = true),
          () => undefined,
        )
        throw new HearthError('TOOMANYREQUESTS', 'busy', { retryAfterMs: 60_000, host: 'registry-1.docker.io' })
      }
      const fetching = fetch(hub, [layer], stop.signal)
      while (!progress.some(({ type }) => type === 'blob-retry')) await turn()
      await turn()
      assert.equal(entered, false)
      stop.abort()
      await assert.rejects(fetching, { code: 'ABORTED' })
    })
  })

  describe('in a lane and under a claim', () => {
    it('gives both back whatever happens', async () => {
      const claims = new CountedClaims()
      const lanes = new Lanes(1)
      deps = { ...deps, claims, lanes }
      for (const code of ['BLOB_UNKNOWN', 'NO_SPACE', 'INTERNAL'] as const) {
        answer = refuse(code)
        await assert.rejects(fetch(APP, [layer]), { code })
      }
      deps = { ...deps, recorder: failingRecorder(new HearthError('LOG_FAILED', 'disk')) }
      answer = () => undefined
      await assert.rejects(fetch(APP, [layer]), { code: 'LOG_FAILED' })
      assert.deepEqual([claims.held, claims.given], [0, 4])
      ;(await lanes.enter(APP.registry, 'name', new AbortController().signal)).leave()
    })

    it('lets the next one in while the disk is waited for', async () => {
      const gate = newGate()
      deps = { ...deps, lanes: new Lanes(1), recorder: waitingRecorder(deps.recorder, gate.opened) }
      const fetching = fetch(APP, layers)
      while (asked().length < layers.length) await turn()
      gate.open()
      assert.equal((await fetching).length, layers.length)
    })

    it('says that it waits for another process, and takes what that one committed', async () => {
      const claim = await deps.claims.claim(layer.digest)
      const fetching = fetch(APP, [layer])
      while (!progress.some(({ type }) => type === 'blob-waiting')) await turn()
      const ingest = await blobs.stage(layer.digest, image.blobs.get(layer.digest) ?? assert.fail())
      await deps.recorder.commitBlob(ingest, OCI_LAYER)
      await claim.release()
      assert.equal((await fetching)[0]?.received, 0)
      assert.equal(asked().length, 0)
    })

    it('fetches the blob itself when the other process gave it up', async () => {
      const claim = await deps.claims.claim(layer.digest)
      const fetching = fetch(APP, [layer])
      while (!progress.some(({ type }) => type === 'blob-waiting')) await turn()
      await claim.release()
      assert.equal((await fetching)[0]?.received, layer.size)
    })
  })

  it('passes over a mirror that wants to be left alone', async () => {
    use(new MirroredRegistry({ before: (request) => answer(request) }))
    answer = refuse('TOOMANYREQUESTS', ({ host }) => host === 'mirror.test', { retryAfterMs: 60_000 })
    await fetch(APP, [layer])
    await fetch(APP, layers.slice(1))
    const hosts = asked().map(({ host }) => host)
    assert.deepEqual(hosts, ['mirror.test', ...layers.map(() => 'registry.test')])
  })

  it('comes back to the mirror that it passed over, when nobody else has the blob', async () => {
    use(new MirroredRegistry({ before: (request) => answer(request) }))
    registry.add({ ...APP, registry: 'mirror.test' }, image)
    let refused = 0
    answer = ({ step, host }) => {
      if (step !== 'blob') return
      if (host === 'registry.test') throw new HearthError('UNAUTHORIZED', 'who?')
      if (refused++ === 0) throw new HearthError('TOOMANYREQUESTS', 'busy', { retryAfterMs: 50 })
    }
    assert.equal((await fetch(APP, [layer])).length, 1)
    const [retry] = progress.filter(({ type }) => type === 'blob-retry')
    assert.ok(retry?.type === 'blob-retry' && retry.delayMs >= 50, JSON.stringify(retry))
  })

  it('answers a challenge once, and fails when that was not enough', async () => {
    const refusal = () => {
      throw new HearthError('UNAUTHORIZED', 'no', { challenge: 'Bearer realm="x"' })
    }
    answer = ({ step, authorization }) => (step === 'blob' && authorization === undefined ? refusal() : undefined)
    assert.equal((await fetch(APP, [layer])).length, 1)
    answer = ({ step }) => (step === 'blob' ? refusal() : undefined)
    registry.requests.length = 0
    await assert.rejects(fetch(APP, layers.slice(1, 2)), { code: 'UNAUTHORIZED' })
    assert.deepEqual(
      registry.requests.map(({ step }) => step),
      ['blob', 'token', 'blob'],
    )
  })

  it('is a defect of our own when a registry has no source at all', async () => {
    registry.blobSources = async () => []
    await assert.rejects(fetch(APP, [layer]), TypeError)
  })

  function refuse(
    code: ErrorCode,
    when: (request: MemoryRequest) => boolean = () => true,
    details: ErrorDetails = {},
  ): (request: MemoryRequest) => void {
    return (request) => {
      if (request.step === 'blob' && when(request)) throw new HearthError(code, 'refused', details)
    }
  }

  function failTimes(times: number, code: ErrorCode): () => void {
    let left = times
    return () => {
      left -= 1
      if (left >= 0) throw new HearthError(code, 'failed')
    }
  }
})

/** Docker Hub: its name is not the name of the host that answers. */
class HubRegistry extends MemoryRegistry {
  override async blobSources(...call: Parameters<MemoryRegistry['blobSources']>): Promise<readonly BlobSource[]> {
    return (await super.blobSources(...call)).map((source) => ({ ...source, host: 'registry-1.docker.io' }))
  }

  override readBlob(source: BlobSource, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array> {
    return super.readBlob({ ...source, host: 'docker.io' }, options)
  }
}

/** Has a mirror before the registry itself. */
class MirroredRegistry extends MemoryRegistry {
  override async blobSources(...call: Parameters<MemoryRegistry['blobSources']>): Promise<readonly BlobSource[]> {
    const [own = assert.fail()] = await super.blobSources(...call)
    return [{ ...own, host: 'mirror.test', url: own.url.replace('registry.test', 'mirror.test') }, own]
  }
}

class CountedClaims implements Claims {
  readonly #claims = new MemoryClaims()
  held = 0
  given = 0

  async claim(...call: Parameters<Claims['claim']>): Promise<Claim> {
    const claim = await this.#claims.claim(...call)
    this.held += 1
    this.given += 1
    return {
      waited: claim.waited,
      release: async () => {
        this.held -= 1
        await claim.release()
      },
    }
  }
}

function failingRecorder(error: Error): Recorder {
  return Object.create(Recorder.prototype, { commitBlob: { value: () => Promise.reject(error) } }) as Recorder
}

function waitingRecorder(recorder: Recorder, until: Promise<void>): Recorder {
  const commitBlob: Recorder['commitBlob'] = async (...call) => {
    await until
    return recorder.commitBlob(...call)
  }
  return Object.create(Recorder.prototype, { commitBlob: { value: commitBlob } }) as Recorder
}

function newGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
