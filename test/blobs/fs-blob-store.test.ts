import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import type { BlobStore } from '../../src/blobs/blob-store.js'
import { removeAbandonedIngests } from '../../src/blobs/fs-abandoned-ingests.js'
import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import { FsIngest } from '../../src/blobs/fs-ingest.js'
import { FLAT_BYTES, ingestDataPath } from '../../src/blobs/fs-ingest-data.js'
import { isHearthError } from '../../src/errors.js'
import { INGEST_FOLDER } from '../../src/oci/image-layout.js'
import { blobStoreContract } from '../contract/blob-store.contract.js'
import { aBlob } from '../support/a-blob.js'
import { aPipe } from '../support/a-pipe.js'
import { tempDir } from '../support/temp-dir.js'

// One for the file: a hook's own folder would be gone when the hook ends.
const scratch = await tempDir()
const newFolder = () => mkdtemp(join(scratch, 'test-'))

/** As another tool would: blobs are 0444, so a new file takes the place of the old one. */
async function put(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { force: true })
  await writeFile(path, bytes)
}

blobStoreContract('FsBlobStore', async () => ({ store: new FsBlobStore(await newFolder()), put }))

const blob = await aBlob('a blob on disk')
/** Its ingest is a folder. */
const large = await aBlob('a large blob on disk', FLAT_BYTES + 1)
const ANY_SIZE = { maxBytes: 10_000_000 }
const PLANTS = {
  folder: (path: string) => mkdir(join(path, 'deep'), { recursive: true }),
  'dangling link': (path: string) => symlink('nowhere', path),
  'link to the right bytes': async (path: string) => {
    await writeFile(join(path, '..', '..', '..', 'elsewhere'), blob.bytes)
    await symlink(join('..', '..', 'elsewhere'), path)
  },
  pipe: async (path: string) => aPipe(path),
}

describe('FsBlobStore', () => {
  let root: string
  let store: BlobStore
  beforeEach(async () => {
    root = await newFolder()
    store = new FsBlobStore(root)
  })
  const save = async () => store.commit([await store.stage(blob.digest, blob.bytes)])

  it('lays blobs out as image-layout.md says', async () => {
    await save()
    const [algorithm = '', encoded = ''] = blob.digest.split(':')
    assert.deepEqual(await readFile(join(root, 'blobs', algorithm, encoded)), Buffer.from(blob.bytes))
  })

  it('creates nothing when it is only asked', async () => {
    await store.stat(blob.digest)
    for await (const entry of store.list()) assert.fail(entry.path)
    await store.remove([blob.digest])
    assert.deepEqual(await readdir(root), [])
  })

  it('leaves no ingest behind', async () => {
    await save()
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER)), [])
  })

  it('stages anew what was swept before it was committed', async () => {
    await store.stage(blob.digest, blob.bytes)
    await removeAbandonedIngests(root, { now: Date.now() + 2 * 60 * 60 * 1000 })
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER)), [])
    await save()
    assert.deepEqual(await store.read(blob.digest, ANY_SIZE), Buffer.from(blob.bytes))
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER)), [])
  })

  for (const [what, plant] of Object.entries(PLANTS)) {
    describe(`with a ${what} in a blob's place`, () => {
      beforeEach(async () => {
        await mkdir(dirname(store.pathOf(blob.digest)), { recursive: true })
        await plant(store.pathOf(blob.digest))
      })

      it('has no blob there', async () => {
        assert.equal(await store.stat(blob.digest), undefined)
        await assert.rejects(store.read(blob.digest, ANY_SIZE), (error) => isHearthError(error, 'BLOB_UNKNOWN'))
      })

      it('lists a stray', async () => {
        for await (const entry of store.list()) assert.equal(entry.digest, undefined)
      })

      it('puts the blob in its place', async () => {
        await save()
        assert.ok((await lstat(store.pathOf(blob.digest))).isFile())
        assert.deepEqual(await readFile(store.pathOf(blob.digest)), Buffer.from(blob.bytes))
      })

      it('removes and quarantines without complaint', async () => {
        await store.remove([blob.digest])
        await store.quarantine(blob.digest)
        await assert.rejects(lstat(store.pathOf(blob.digest)), { code: 'ENOENT' })
      })
    })
  }

  it('keeps quarantined bytes, the latest of each digest', async () => {
    for (const damage of ['first damage', 'second damage']) {
      await put(store.pathOf(blob.digest), Buffer.from(damage))
      await store.quarantine(blob.digest)
    }
    // Nothing there any more: what is kept stays.
    await store.quarantine(blob.digest)
    const quarantine = join(root, '.hearth', 'quarantine')
    const names = await readdir(quarantine)
    assert.equal(names.length, 1)
    assert.equal(await readFile(join(quarantine, names[0] ?? ''), 'utf8'), 'second damage')
  })

  it('refuses a damaged blob of the right length, a cut and a longer one', async () => {
    await save()
    const path = store.pathOf(blob.digest)
    for (const damaged of [
      Buffer.alloc(blob.size),
      blob.bytes.subarray(1),
      Buffer.concat([blob.bytes, Buffer.alloc(1)]),
    ]) {
      await put(path, damaged)
      await assert.rejects(store.read(blob.digest, ANY_SIZE), (error) => isHearthError(error, 'DIGEST_MISMATCH'))
    }
  })

  for (const [kind, { digest, size, bytes }] of Object.entries({ small: blob, large })) {
    it(`commits the ${kind} blob that a worker sealed, and refuses it when it has lost bytes since`, async () => {
      const path = await store.ingestPath(digest)
      const seal = async () => {
        const ingest = FsIngest.open(path, { digest, size, boot: 'one' })
        ingest.write(0, bytes)
        await ingest.seal('full')
      }
      await seal()
      await truncate(ingestDataPath(path, size), 3)
      await assert.rejects(store.commit([{ digest, size }]), (error) => isHearthError(error, 'SIZE_MISMATCH'))
      await rm(path, { recursive: true })
      await seal()
      await store.commit([{ digest, size }])
      assert.deepEqual(await store.read(digest, ANY_SIZE), Buffer.from(bytes))
      assert.deepEqual(await readdir(dirname(path)), [])
    })

    it(`finishes a commit of the ${kind} blob that a crash cut short after its rename`, async () => {
      const path = await store.ingestPath(digest)
      await FsIngest.open(path, { digest, size, boot: 'one' }).close()
      await rm(ingestDataPath(path, size), { force: true })
      await put(store.pathOf(digest), bytes)
      const [committed] = await store.commit([{ digest, size }])
      assert.equal(committed?.size, size)
      assert.deepEqual(await readdir(dirname(path)), [])
    })
  }

  it('stages beside an ingest of the same blob that another process is writing', async () => {
    const path = await store.ingestPath(blob.digest)
    const ingest = FsIngest.open(path, { digest: blob.digest, size: blob.size, boot: 'one' })
    ingest.write(0, blob.bytes.subarray(0, 5))
    await Promise.all([save(), new FsBlobStore(root).stage(blob.digest, blob.bytes)])
    ingest.write(5, blob.bytes.subarray(5))
    await ingest.seal('full')
    assert.deepEqual(await readFile(path), Buffer.from(blob.bytes))
    assert.deepEqual(await store.read(blob.digest, ANY_SIZE), Buffer.from(blob.bytes))
  })

  it('commits what several processes staged, one after another or at once', async () => {
    const stores = Array.from({ length: 4 }, () => new FsBlobStore(root))
    const commits = stores.map(async (each) => each.commit([await each.stage(blob.digest, blob.bytes)]))
    for (const [committed] of await Promise.all(commits)) assert.equal(committed?.digest, blob.digest)
    assert.deepEqual(await store.read(blob.digest, ANY_SIZE), Buffer.from(blob.bytes))
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER)), [])
  })

  it('lists what lies beside the folders of algorithms, and in folders of unknown ones', async () => {
    await save()
    const strays = [join(root, 'blobs', 'file'), join(root, 'blobs', 'md5', 'abc')]
    for (const path of strays) await put(path, Buffer.from('?'))
    const found: string[] = []
    for await (const { path, digest } of store.list()) if (digest === undefined) found.push(path)
    assert.deepEqual(found.sort(), strays.sort())
  })

  for (const umask of [0o000, 0o077]) {
    it(`lets nobody else write under umask ${umask.toString(8).padStart(3, '0')}`, async () => {
      const before = process.umask(umask)
      try {
        await save()
        await store.quarantine(blob.digest)
        await save()
      } finally {
        process.umask(before)
      }
      const writable = execFileSync('find', [root, '-mindepth', '1', '-perm', '/022'], { encoding: 'utf8' })
      assert.equal(writable, '')
      const mode = async (path: string) => (await stat(path)).mode & 0o777
      assert.equal(await mode(store.pathOf(blob.digest)), 0o444)
      assert.equal(await mode(join(root, '.hearth')), 0o700)
      assert.equal(await mode(join(root, 'blobs')), 0o755 & ~umask)
    })
  }
})
