import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { MemoryLeases } from '../../src/blobs/memory-leases.js'
import { HearthError } from '../../src/errors.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import type { Digest } from '../../src/oci/digest.js'
import { OCI_LAYER } from '../../src/oci/media-type.js'
import type { PoolCallOptions } from '../../src/pool/pool.js'
import type { VerifyBlobTask, VerifyBlobValue } from '../../src/pool/tasks.js'
import { Jobs } from '../../src/pull/abortable.js'
import { type HoldingsDeps, isSound, presentBlobs } from '../../src/pull/holdings.js'
import { Recorder } from '../../src/pull/recorder.js'
import { SingleFlight } from '../../src/pull/single-flight.js'
import { MemoryRegistry } from '../../src/registry/memory-registry.js'
import { aBlob } from '../support/a-blob.js'
import { MemoryPool } from '../support/memory-pool.js'

const ABORTED = { code: 'ABORTED' }

describe('isSound', () => {
  const record = { size: 10, mtimeMs: 5, durable: true, boot: 'one' }
  const stat = { size: 10, mtimeMs: 5 }
  const table: readonly [string, Parameters<typeof isSound>, boolean][] = [
    ['trusts a durable blob whose file is as it was recorded', [record, stat, 'one'], true],
    ['trusts it after a reboot too', [record, stat, 'two'], true],
    ['trusts one that may not be on the disk yet, until a reboot', [{ ...record, durable: false }, stat, 'one'], true],
    ['does not trust such a one after a reboot', [{ ...record, durable: false }, stat, 'two'], false],
    ['does not trust what the log does not know', [undefined, stat, 'one'], false],
    ['does not trust a file of another size', [record, { ...stat, size: 11 }, 'one'], false],
    ['does not trust a file that was touched', [record, { ...stat, mtimeMs: 6 }, 'one'], false],
    ['does not trust a file that is older than its record', [record, { ...stat, mtimeMs: 4 }, 'one'], false],
  ]
  for (const [what, call, expected] of table) it(what, () => assert.equal(isSound(...call), expected))
})

describe('presentBlobs', () => {
  let blobs: MemoryBlobStore
  let log: MemoryEventLog
  let leases: WatchedLeases
  let pool: CountingPool
  let deps: HoldingsDeps

  beforeEach(() => {
    blobs = new MemoryBlobStore()
    log = new MemoryEventLog()
    leases = new WatchedLeases()
    pool = new CountingPool(blobs)
    deps = inBoot('this-boot')
  })

  const inBoot = (boot: string, durability: 'full' | 'relaxed' = 'full'): HoldingsDeps => {
    const recorder = new Recorder({ log, blobs, materialise: async () => {}, durability, boot, now: () => 0 })
    return { log, blobs, leases, pool, recorder, boot, jobs: new Jobs(), verifying: new SingleFlight() }
  }
  const committed = async (name: string, by = deps): Promise<Descriptor> => {
    const { digest, bytes } = await aBlob(name)
    await by.recorder.commitBlob(await blobs.stage(digest, bytes), OCI_LAYER)
    return { mediaType: OCI_LAYER, digest, size: bytes.length }
  }
  /** As another tool would put it there: the log knows nothing of it. */
  const foreign = async (name: string, bytes?: Uint8Array): Promise<Descriptor> => {
    const blob = await aBlob(name)
    blobs.put(blobs.pathOf(blob.digest), bytes ?? blob.bytes)
    return { mediaType: OCI_LAYER, digest: blob.digest, size: blob.size }
  }

  it('finds what is here without reading it, and not what is absent', async () => {
    const here = await committed('here')
    const { digest, size } = await aBlob('absent')
    const present = await presentBlobs([here, { mediaType: OCI_LAYER, digest, size }], deps)
    assert.deepEqual([[...present], pool.verified], [[here.digest], []])
  })

  it('leases all that is wanted before it asks the log', async () => {
    const here = await committed('here')
    const { digest, size } = await aBlob('absent')
    log.hold = (
      (hold) =>
      async (...call: Parameters<typeof hold>) => {
        assert.deepEqual(leases.all, new Set([here.digest, digest]))
        return hold(...call)
      }
    )(log.hold.bind(log)) as typeof log.hold
    await presentBlobs([here, { mediaType: OCI_LAYER, digest, size }], deps)
  })

  it('does not hold the log for nothing', async () => {
    log.hold = () => assert.fail('it was held')
    assert.equal((await presentBlobs([], deps)).size, 0)
  })

  it('hashes a blob of another tool once, and trusts it from then on', async () => {
    const blob = await foreign('theirs')
    for (let time = 0; time < 3; time++) assert.ok((await presentBlobs([blob], deps)).has(blob.digest))
    assert.deepEqual(pool.verified, [blob.digest])
    assert.equal(log.state.blobs.get(blob.digest)?.durable, false)
  })

  it('hashes a blob once for all who want to know at the same time', async () => {
    const blob = await foreign('theirs')
    const answers = await Promise.all(Array.from({ length: 5 }, () => presentBlobs([blob], deps)))
    assert.ok(answers.every((present) => present.has(blob.digest)))
    assert.deepEqual(pool.verified, [blob.digest])
  })

  it('goes on hashing for the others when one of them is stopped', async () => {
    const blob = await foreign('theirs')
    const stop = new AbortController()
    const release = pool.pause()
    const stopped = presentBlobs([blob], deps, stop.signal)
    const patient = presentBlobs([blob], deps)
    await pool.begun
    stop.abort()
    await assert.rejects(stopped, ABORTED)
    release()
    assert.ok((await patient).has(blob.digest))
  })

  it('does not trust a blob of the right size and other bytes', async () => {
    const { size } = await aBlob('theirs')
    const blob = await foreign('theirs', new Uint8Array(size))
    assert.equal((await presentBlobs([blob], deps)).size, 0)
    assert.equal(log.state.blobs.size, 0)
  })

  it('does not read a blob of another size', async () => {
    const blob = await foreign('theirs', new Uint8Array(3))
    assert.equal((await presentBlobs([blob], deps)).size, 0)
    assert.deepEqual(pool.verified, [])
  })

  it('hashes again, after a reboot, what was not known to be on the disk', async () => {
    const relaxed = await committed('relaxed', inBoot('this-boot', 'relaxed'))
    assert.ok((await presentBlobs([relaxed], deps)).has(relaxed.digest))
    assert.deepEqual(pool.verified, [])
    assert.ok((await presentBlobs([relaxed], inBoot('next-boot'))).has(relaxed.digest))
    assert.deepEqual(pool.verified, [relaxed.digest])
    await presentBlobs([relaxed], inBoot('next-boot'))
    assert.deepEqual(pool.verified, [relaxed.digest])
  })

  it('does not count a blob that was replaced while it was hashed', async () => {
    const blob = await foreign('theirs')
    pool.after = () => blobs.put(blobs.pathOf(blob.digest), new Uint8Array(blob.size))
    assert.equal((await presentBlobs([blob], deps)).size, 0)
    assert.equal(log.state.blobs.size, 0)
  })

  it('does not count a blob that went while it was hashed', async () => {
    const blob = await foreign('theirs')
    pool.after = () => blobs.remove([blob.digest])
    assert.equal((await presentBlobs([blob], deps)).size, 0)
  })

  it('does not write over what was recorded while it hashed', async () => {
    const blob = await foreign('theirs')
    pool.after = () => committed('theirs')
    await presentBlobs([blob], deps)
    const before = log.state.head.position
    pool.after = () => undefined
    await presentBlobs([blob], deps)
    assert.deepEqual([log.state.blobs.get(blob.digest)?.durable, log.state.head.position], [true, before])
  })

  it('fails when a blob cannot be read, as opposed to being wrong', async () => {
    const blob = await foreign('theirs')
    pool.after = () => {
      throw new HearthError('STORE_FAILED', 'bad disk')
    }
    await assert.rejects(presentBlobs([blob], deps), { code: 'STORE_FAILED' })
  })
})

/** Hashes what is in the store, and says what it hashed. */
class CountingPool extends MemoryPool {
  readonly verified: Digest[] = []
  after: () => unknown = () => undefined
  readonly begun: Promise<void>
  #begin: () => void = () => undefined
  #gate: Promise<void> = Promise.resolve()

  constructor(store: MemoryBlobStore) {
    super(new MemoryRegistry(), store)
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
  }

  override async verifyBlob(
    task: Omit<VerifyBlobTask, 'control'>,
    { signal }: PoolCallOptions = {},
  ): Promise<VerifyBlobValue> {
    this.verified.push(task.digest)
    this.#begin()
    await this.#gate
    if (signal?.aborted) throw new HearthError('ABORTED', 'stopped')
    const value = await super.verifyBlob(task)
    await this.after()
    return value
  }

  /** Nothing is hashed until the function that it gives is called. */
  pause(): () => void {
    let open = (): void => undefined
    this.#gate = new Promise((resolve) => {
      open = resolve
    })
    return open
  }
}

class WatchedLeases extends MemoryLeases {
  all: ReadonlySet<Digest> = new Set()

  override async lease(digests: Iterable<Digest>): Promise<void> {
    await super.lease(digests)
    this.all = await this.leased()
  }
}
