import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { HearthError, isHearthError } from '../../src/errors.js'
import type { EventLog, HeldLog } from '../../src/log/event-log.js'
import type { HearthEvent, Recorded, ReferenceSet } from '../../src/log/events.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import type { Digest } from '../../src/oci/digest.js'
import { OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { Recorder, type RecorderDeps } from '../../src/pull/recorder.js'
import { aBlob } from '../support/a-blob.js'

const digests: Digest[] = []
for (const name of ['a', 'b', 'c', 'd']) digests.push((await aBlob(name)).digest)

describe('Recorder', () => {
  let log: CountingLog
  let blobs: MemoryBlobStore
  let materialised: number[]
  let now: number
  let recorder: Recorder

  const open = (changes: Partial<RecorderDeps> = {}): Recorder =>
    new Recorder({
      log,
      blobs,
      materialise: async ({ head }) => materialised.push(head.position),
      durability: 'full',
      boot: 'this-boot',
      now: () => now,
      ...changes,
    })

  beforeEach(() => {
    log = new CountingLog()
    blobs = new MemoryBlobStore()
    materialised = []
    now = 0
    recorder = open()
  })

  const stage = async (name: string) => {
    const { digest, bytes } = await aBlob(name)
    return blobs.stage(digest, bytes)
  }
  const setReference = (name: string) => recorder.record(async () => [referenceSet(name)])

  describe('commitBlob', () => {
    it('resolves when the blob is visible and recorded, in that order', async () => {
      const { digest, bytes } = await aBlob('a blob')
      const seen: boolean[] = []
      log.beforeAppend = async () => void seen.push((await blobs.stat(digest)) !== undefined)
      await recorder.commitBlob(await blobs.stage(digest, bytes), OCI_LAYER)
      assert.deepEqual(seen, [true])
      const { mtimeMs } = (await blobs.stat(digest)) ?? assert.fail('it is not visible')
      const [{ at: _, id: __, position: ___, previous: ____, checksum: _____, ...event } = assert.fail()] =
        await log.all()
      assert.deepEqual(event, {
        type: 'BlobCommitted',
        digest,
        size: bytes.length,
        mtimeMs,
        mediaType: OCI_LAYER,
        durable: true,
        boot: 'this-boot',
      })
    })

    it('says in the log that a blob may not survive a reboot when durability is relaxed', async () => {
      recorder = open({ durability: 'relaxed' })
      await recorder.commitBlob(await stage('a'), OCI_LAYER)
      const [event] = await log.all()
      assert.equal(event?.type === 'BlobCommitted' && event.durable, false)
    })

    it('appends once for all that became ready while it was busy, in their order', async () => {
      const ingests = [await stage('a'), await stage('b'), await stage('c'), await stage('d')]
      const release = log.pause()
      const commits = ingests.map((ingest) => recorder.commitBlob(ingest, OCI_LAYER))
      await settled()
      release()
      await Promise.all(commits)
      const events = await log.all()
      assert.deepEqual(
        events.map((event) => event.type === 'BlobCommitted' && event.digest),
        digests,
      )
      assert.ok(log.appends <= 2, `${log.appends} appends`)
    })

    it('takes the next one from whoever was waiting for the one before', async () => {
      for (const name of ['a', 'b', 'c']) await recorder.commitBlob(await stage(name), OCI_LAYER)
      const [first, second] = [await stage('x'), await stage('y')]
      await recorder.commitBlob(first, OCI_LAYER)
      await recorder.commitBlob(second, OCI_LAYER)
      assert.equal((await log.all()).length, 5)
    })

    it('fails the blobs of a group that could not be committed, and goes on with the next', async () => {
      const { digest } = await aBlob('never staged')
      const first = recorder.commitBlob({ digest, size: 5 }, OCI_LAYER)
      const second = recorder.commitBlob(await stage('b'), OCI_LAYER)
      await assert.rejects(first, (error) => isHearthError(error, 'BLOB_UNKNOWN'))
      await second
      assert.equal((await log.all()).length, 1)
    })

    it('does not fail a blob for another one of its group', async () => {
      const { digest } = await aBlob('never staged')
      const [before, beside] = [await stage('a'), await stage('b')]
      const release = log.pause()
      const first = recorder.commitBlob(before, OCI_LAYER)
      await settled()
      const missing = recorder.commitBlob({ digest, size: 5 }, OCI_LAYER)
      const sound = recorder.commitBlob(beside, OCI_LAYER)
      release()
      await assert.rejects(missing, (error) => isHearthError(error, 'BLOB_UNKNOWN'))
      await Promise.all([first, sound])
      assert.equal((await log.all()).length, 2)
    })

    it("keeps each blob's own type when one comes twice in a group", async () => {
      const [first, twice, other] = [await stage('a'), await stage('b'), await stage('c')]
      const release = log.pause()
      const before = recorder.commitBlob(first, OCI_LAYER)
      await settled()
      const group = [twice, twice, other].map((ingest) =>
        recorder.commitBlob(ingest, ingest === other ? OCI_MANIFEST : OCI_LAYER),
      )
      release()
      await Promise.all([before, ...group])
      const types = (await log.all()).map((event) => event.type === 'BlobCommitted' && event.mediaType)
      assert.deepEqual(types, [OCI_LAYER, OCI_LAYER, OCI_MANIFEST])
    })

    it('recovers when the log could not be held once', async () => {
      const busy = new HearthError('LOG_BUSY', 'busy')
      log.failNext(busy)
      await assert.rejects(recorder.commitBlob(await stage('a'), OCI_LAYER), busy)
      await recorder.commitBlob(await stage('a'), OCI_LAYER)
      assert.equal((await log.all()).length, 1)
    })
  })

  describe('record', () => {
    it('takes the next one from whoever was waiting for the one before', async () => {
      for (const name of ['a', 'b', 'c']) await setReference(name)
      assert.equal((await log.all()).length, 3)
    })

    it('decides inside the hold, after what was recorded before it', async () => {
      const seen: number[] = []
      const decide = async (held: HeldLog) => {
        seen.push(held.head.position)
        return [referenceSet('a')]
      }
      await Promise.all([recorder.record(decide), recorder.record(decide), recorder.record(decide)])
      await recorder.record(decide)
      assert.deepEqual([seen[0], seen.at(-1)], [0, 3])
    })

    it('appends nothing, and writes no index.json, when nothing is to be said', async () => {
      await recorder.record(async () => [])
      await recorder.flush()
      assert.deepEqual([log.appends, materialised], [0, []])
    })

    it('rejects all of a group whose append failed, and only them', async () => {
      const release = log.pause()
      const alone = setReference('alone')
      await settled()
      const group = [setReference('one'), setReference('two')]
      log.failAppendOf('one', new HearthError('LOG_FAILED', 'disk'))
      release()
      await alone
      for (const member of group) await assert.rejects(member, (error) => isHearthError(error, 'LOG_FAILED'))
      await setReference('after')
      assert.deepEqual(await references(log), ['alone', 'after'])
    })
  })

  describe('index.json', () => {
    it('is written with the first reference, then at most every 250 ms', async () => {
      for (const at of [0, 100, 249, 250, 260, 499, 500]) {
        now = at
        await setReference(`r${at}`)
      }
      assert.deepEqual(materialised, [1, 4, 7])
    })

    it('takes no more than a twentieth of the time when there is much to write', async () => {
      recorder = open({
        materialise: async ({ head }) => {
          now += 100
          materialised.push(head.position)
        },
      })
      for (const at of [0, 500, 2099, 2100, 2101]) {
        now = Math.max(now, at)
        await setReference(`at-${at}`)
      }
      assert.deepEqual(materialised, [1, 4])
    })

    it('is brought up to date by flush, once', async () => {
      await setReference('a')
      await setReference('b')
      await recorder.flush()
      await recorder.flush()
      assert.deepEqual(materialised, [1, 2])
    })

    it('is not written for blobs alone', async () => {
      await recorder.commitBlob(await stage('a'), OCI_LAYER)
      await recorder.flush()
      assert.deepEqual(materialised, [])
    })

    it('waits with flush for commits that were handed in before', async () => {
      const commit = recorder.commitBlob(await stage('a'), OCI_LAYER)
      await recorder.flush()
      assert.equal((await log.all()).length, 1)
      await commit
    })

    it('fails flush when it cannot be written, not those whose events are durable', async () => {
      let failure: Error | undefined = new HearthError('LAYOUT_INVALID', 'not ours')
      let attempts = 0
      recorder = open({
        materialise: async ({ head }) => {
          attempts += 1
          if (failure !== undefined) throw failure
          materialised.push(head.position)
        },
      })
      await setReference('a')
      await setReference('b')
      assert.equal(attempts, 1, 'a failing write is not repeated more often than a good one')
      await assert.rejects(recorder.flush(), failure)
      failure = undefined
      await recorder.flush()
      assert.deepEqual([await references(log), materialised], [['a', 'b'], [2]])
    })
  })
})

/** A log in memory that counts, waits and fails as it is told. */
class CountingLog implements EventLog {
  readonly #log = new MemoryEventLog()
  appends = 0
  beforeAppend: () => Promise<void> = async () => {}
  #gate: Promise<void> = Promise.resolve()
  #failure: Error | undefined
  #failingReference: { readonly name: string; readonly error: Error } | undefined

  async hold<T>(work: (log: HeldLog) => Promise<T>): Promise<T> {
    await this.#gate
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    return this.#log.hold((held) => work(Object.create(held, { append: { value: this.#appendTo(held) } }) as HeldLog))
  }

  append(events: readonly HearthEvent[], after: number): Promise<readonly Recorded[]> {
    return this.#log.append(events, after)
  }

  read(position: number): AsyncIterable<Recorded> {
    return this.#log.read(position)
  }

  changed(position: number): Promise<void> {
    return this.#log.changed(position)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async all(): Promise<readonly Recorded[]> {
    const records: Recorded[] = []
    for await (const record of this.read(0)) records.push(record)
    return records
  }

  /** Holds wait until the function that it gives is called. */
  pause(): () => void {
    let open = (): void => undefined
    this.#gate = new Promise((resolve) => {
      open = resolve
    })
    return open
  }

  failNext(error: Error): void {
    this.#failure = error
  }

  failAppendOf(name: string, error: Error): void {
    this.#failingReference = { name, error }
  }

  #appendTo(held: HeldLog): HeldLog['append'] {
    return async (events) => {
      await this.beforeAppend()
      const failing = this.#failingReference
      if (events.some((event) => event.type === 'ReferenceSet' && event.reference === failing?.name)) {
        this.#failingReference = undefined
        throw failing?.error
      }
      this.appends += 1
      return held.append(events)
    }
  }
}

async function references(log: CountingLog): Promise<string[]> {
  return (await log.all()).flatMap((event) => (event.type === 'ReferenceSet' ? [event.reference] : []))
}

function referenceSet(reference: string): ReferenceSet {
  const [digest] = digests
  if (digest === undefined) throw new TypeError('there are digests')
  return {
    type: 'ReferenceSet',
    reference,
    descriptor: { mediaType: OCI_MANIFEST, digest, size: 1 },
    platforms: [],
    origin: 'pulled',
  }
}

/** Lets everything run that needs no more input. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
