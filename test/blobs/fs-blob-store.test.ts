import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import type { BlobStore } from '../../src/blobs/blob-store.js'
import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import { FsIngest } from '../../src/blobs/fs-ingest.js'
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
const ANY_SIZE = { maxBytes: 1_000_000 }
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

  it('commits what a worker sealed, and refuses it when it has lost bytes since', async () => {
    const folder = await store.ingestPath(blob.digest)
    const ingest = FsIngest.open(folder, { digest: blob.digest, size: blob.size, boot: 'one' })
    ingest.write(0, blob.bytes)
    await ingest.seal('full')
    await truncate(join(folder, 'data'), 3)
    const ready = { digest: blob.digest, size: blob.size }
    await assert.rejects(store.commit([ready]), (error) => isHearthError(error, 'SIZE_MISMATCH'))
    const again = FsIngest.open(folder, { digest: blob.digest, size: blob.size, boot: 'one' })
    again.write(0, blob.bytes)
    await again.seal('full')
    await store.commit([ready])
    assert.deepEqual(await store.read(blob.digest, ANY_SIZE), Buffer.from(blob.bytes))
  })

  it('finishes a commit that a crash cut short after its rename', async () => {
    const folder = await store.ingestPath(blob.digest)
    await FsIngest.open(folder, { digest: blob.digest, size: blob.size, boot: 'one' }).close()
    await unlink(join(folder, 'data'))
    await put(store.pathOf(blob.digest), blob.bytes)
    const [committed] = await store.commit([{ digest: blob.digest, size: blob.size }])
    assert.equal(committed?.size, blob.size)
    assert.deepEqual(await readdir(dirname(folder)), [])
  })

  it('stages beside an ingest of the same blob that another process is writing', async () => {
    const folder = await store.ingestPath(blob.digest)
    const ingest = FsIngest.open(folder, { digest: blob.digest, size: blob.size, boot: 'one' })
    ingest.write(0, blob.bytes.subarray(0, 5))
    await Promise.all([save(), new FsBlobStore(root).stage(blob.digest, blob.bytes)])
    ingest.write(5, blob.bytes.subarray(5))
    await ingest.seal('full')
    assert.deepEqual(await readFile(join(folder, 'data')), Buffer.from(blob.bytes))
    assert.deepEqual(await store.read(blob.digest, ANY_SIZE), Buffer.from(blob.bytes))
  })

  it('commits what several processes staged, one after another or at once', async () => {
    const stores = Array.from({ length: 4 }, () => new FsBlobStore(root))
    const commits = stores.map(async (each) => each.commit([await each.stage(blob.digest, blob.bytes)]))
    for (const [committed] of await Promise.all(commits)) assert.equal(committed?.digest, blob.digest)
    assert.deepEqual(await store.read(blob.digest, ANY_SIZE), Buffer.from(blob.bytes))
    assert.deepEqual(await readdir(join(root, INGEST_FOLDER)), [])
  })

  it('replaces a file or a link where an ingest should be', async () => {
    const path = await store.ingestPath(blob.digest)
    for (const plant of [() => writeFile(path, ''), () => symlink(root, path)]) {
      await plant()
      assert.equal(await store.ingestPath(blob.digest), path)
      await assert.rejects(lstat(path), { code: 'ENOENT' })
    }
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
