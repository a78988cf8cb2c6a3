import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { BlobEntry, BlobStore } from '../../src/blobs/blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { aBlob } from '../support/a-blob.js'

/** An adapter under test. */
export interface BlobStoreUnderTest {
  readonly store: BlobStore
  /** Writes a file as another tool might: unchecked, at an absolute path that the store gave, or one beside it. */
  put(path: string, bytes: Uint8Array): Promise<void>
}

const one = await aBlob('one')
const two = await aBlob('the second blob')
const long = await aBlob('blob under another algorithm', 100_000, 'sha512')
const ANY_SIZE = { maxBytes: 1_000_000 }

/** What every BlobStore promises. An adapter's test file is one call to this, and then what is special. */
export function blobStoreContract(name: string, open: () => Promise<BlobStoreUnderTest>): void {
  describe(`${name} keeps the BlobStore contract`, () => {
    let store: BlobStore
    let put: BlobStoreUnderTest['put']
    beforeEach(async () => {
      const opened = await open()
      store = opened.store
      put = opened.put.bind(opened)
    })

    const stored = async (...blobs: readonly (typeof one)[]) => {
      for (const { digest, bytes } of blobs) await store.commit([await store.stage(digest, bytes)])
    }

    it('has nothing at first', async () => {
      assert.equal(await store.stat(one.digest), undefined)
      assert.deepEqual(await listed(store), [])
      await assert.rejects(store.read(one.digest, ANY_SIZE), (error) => isHearthError(error, 'BLOB_UNKNOWN'))
    })

    it('gives back what was staged and committed', async () => {
      await stored(one, long)
      assert.deepEqual(new Uint8Array(await store.read(one.digest, ANY_SIZE)), one.bytes)
      assert.deepEqual(new Uint8Array(await store.read(long.digest, ANY_SIZE)), long.bytes)
      assert.equal((await store.stat(one.digest))?.size, one.size)
    })

    it('streams a blob, or the rest of it', async () => {
      await stored(long, two)
      const all = await collect(store.stream(long.digest))
      assert.deepEqual(new Uint8Array(Buffer.concat(all)), long.bytes)
      for (const from of [1, 99_999, 100_000]) {
        const rest = await collect(store.stream(long.digest, { from }))
        assert.deepEqual(new Uint8Array(Buffer.concat(rest)), long.bytes.slice(from))
      }
      const empty = await aBlob('')
      await stored(empty)
      assert.deepEqual(await collect(store.stream(empty.digest)), [])
    })

    it('never streams a damaged blob to its end, wherever the damage is', async () => {
      for (const at of [0, 50_000, 99_999]) {
        const damaged = Uint8Array.from(long.bytes, (byte, place) => (place === at ? byte ^ 1 : byte))
        await put(store.pathOf(long.digest), damaged)
        let received = 0
        const drain = async () => {
          for await (const piece of store.stream(long.digest, { from: 60_000 })) received += piece.length
        }
        await assert.rejects(drain(), (error) => isHearthError(error, 'DIGEST_MISMATCH'))
        assert.ok(received < 40_000, `${received} bytes came`)
      }
      await assert.rejects(
        async () => await collect(store.stream(one.digest)),
        (error) => isHearthError(error, 'BLOB_UNKNOWN'),
      )
    })

    it('keeps a blob of no bytes', async () => {
      const empty = await aBlob('')
      await stored(empty)
      assert.equal((await store.stat(empty.digest))?.size, 0)
      assert.equal((await store.read(empty.digest, ANY_SIZE)).length, 0)
    })

    it('shows nothing of a staged blob before its commit', async () => {
      await store.stage(one.digest, one.bytes)
      assert.equal(await store.stat(one.digest), undefined)
      assert.deepEqual(await listed(store), [])
    })

    it('commits a group, and says of each what stat says of it', async () => {
      const ready = [await store.stage(one.digest, one.bytes), await store.stage(two.digest, two.bytes)]
      for (const committed of await store.commit(ready)) {
        const { digest, ...stat } = committed
        assert.deepEqual(await store.stat(digest), stat)
      }
    })

    it('commits nothing without complaint', async () => {
      assert.deepEqual(await store.commit([]), [])
    })

    it('commits the same blob twice in one group', async () => {
      const ready = await store.stage(one.digest, one.bytes)
      assert.equal((await store.commit([ready, ready])).length, 1)
      assert.equal((await store.stat(one.digest))?.size, one.size)
    })

    it('commits what two callers staged at the same time', async () => {
      await Promise.all(Array.from({ length: 4 }, () => stored(one)))
      assert.deepEqual(new Uint8Array(await store.read(one.digest, ANY_SIZE)), one.bytes)
    })

    it('commits again what exists (idempotent)', async () => {
      await stored(one)
      await stored(one)
      const [again] = await store.commit([{ digest: one.digest, size: one.size }])
      assert.equal(again?.size, one.size)
      assert.deepEqual(new Uint8Array(await store.read(one.digest, ANY_SIZE)), one.bytes)
    })

    it('refuses to stage bytes of another digest, and stages the right ones after that', async () => {
      await assert.rejects(store.stage(one.digest, two.bytes), (error) => isHearthError(error, 'DIGEST_MISMATCH'))
      await stored(one)
      assert.deepEqual(new Uint8Array(await store.read(one.digest, ANY_SIZE)), one.bytes)
    })

    it('refuses to commit an ingest of another size, shows none of its group, and commits the right one after that', async () => {
      const right = [await store.stage(one.digest, one.bytes), await store.stage(two.digest, two.bytes)]
      const wrong = right.map((ready) => (ready.digest === two.digest ? { ...ready, size: ready.size + 1 } : ready))
      await assert.rejects(store.commit(wrong), (error) => isHearthError(error, 'SIZE_MISMATCH'))
      assert.equal(await store.stat(one.digest), undefined)
      await store.commit(right)
      assert.equal((await store.stat(one.digest))?.size, one.size)
    })

    it('refuses to commit what was never staged', async () => {
      const ready = { digest: one.digest, size: one.size }
      await assert.rejects(store.commit([ready]), (error) => isHearthError(error, 'BLOB_UNKNOWN'))
    })

    it('refuses to read a blob above the limit', async () => {
      await stored(one)
      await store.read(one.digest, { maxBytes: one.size })
      const tooLarge = store.read(one.digest, { maxBytes: one.size - 1 })
      await assert.rejects(tooLarge, (error) => isHearthError(error, 'MANIFEST_TOO_LARGE'))
    })

    it('refuses to read a damaged blob, and heals it by another commit', async () => {
      await stored(one)
      await put(store.pathOf(one.digest), Buffer.from('onE'))
      await assert.rejects(store.read(one.digest, ANY_SIZE), (error) => isHearthError(error, 'DIGEST_MISMATCH'))
      await stored(one)
      assert.deepEqual(new Uint8Array(await store.read(one.digest, ANY_SIZE)), one.bytes)
    })

    it('shows by its stat that a blob was replaced', async () => {
      await stored(one)
      const before = await store.stat(one.digest)
      await put(store.pathOf(one.digest), Buffer.from('onE'))
      assert.notDeepEqual(await store.stat(one.digest), before)
    })

    it('removes a blob, and again what is gone (idempotent)', async () => {
      await stored(one, two)
      await store.remove([one.digest, long.digest])
      await store.remove([one.digest])
      assert.equal(await store.stat(one.digest), undefined)
      assert.equal((await store.stat(two.digest))?.size, two.size)
    })

    it('flushes what is there, and does not mind what is gone', async () => {
      await stored(one, long)
      await store.flush([one.digest, two.digest, long.digest])
      await store.flush([])
      assert.deepEqual(new Uint8Array(await store.read(one.digest, ANY_SIZE)), one.bytes)
    })

    it('takes a quarantined blob out of sight, and lets a sound one take its place', async () => {
      await stored(one)
      await store.quarantine(one.digest)
      await store.quarantine(one.digest)
      assert.equal(await store.stat(one.digest), undefined)
      assert.deepEqual(await listed(store), [])
      await stored(one)
      await store.quarantine(one.digest)
      await stored(one)
      assert.equal((await store.stat(one.digest))?.size, one.size)
    })

    it('lists blobs by their digests, and strays without one', async () => {
      await stored(one, long)
      const stray = store.pathOf(one.digest).slice(0, -1)
      await put(stray, Buffer.from('left by a crash'))
      const entries = await listed(store)
      assert.deepEqual(
        entries.map(({ changedMs: _, ...entry }) => entry),
        [
          { path: store.pathOf(one.digest), digest: one.digest, size: one.size },
          { path: store.pathOf(long.digest), digest: long.digest, size: long.size },
          { path: stray, size: 15 },
        ].sort((a, b) => (a.path < b.path ? -1 : 1)),
      )
      for (const { changedMs } of entries) assert.ok(changedMs > 0)
    })

    it('gives one ingest path per digest, and may be asked twice', async () => {
      assert.equal(await store.ingestPath(one.digest), await store.ingestPath(one.digest))
      assert.notEqual(await store.ingestPath(one.digest), await store.ingestPath(two.digest))
    })
  })
}

async function listed(store: BlobStore): Promise<readonly BlobEntry[]> {
  const entries: BlobEntry[] = []
  for await (const entry of store.list()) entries.push(entry)
  return entries.sort(byPath)
}

function byPath(left: BlobEntry, right: BlobEntry): number {
  return left.path < right.path ? -1 : 1
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const collected: Uint8Array[] = []
  for await (const piece of pieces) collected.push(piece)
  return collected
}
