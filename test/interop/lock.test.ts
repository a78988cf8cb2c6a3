/** LinuxKit edits index.json under an fcntl lock; we change it under an OFD lock on the same file. They keep each other out. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError, openCache } from '../../src/index.js'
import { FsIndexFile } from '../../src/materialise/fs-index-file.js'
import { INDEX_FILE, LINUXKIT_LOCK, REF_NAME } from '../../src/oci/image-layout.js'
import { anImage } from '../support/an-image.js'
import { tryFcntlLock } from '../support/fcntl-lock.js'
import { interop } from '../support/interop.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const IMAGE = await anImage()
const NAMES = ['reg.example/a:1', 'reg.example/b:1']

async function aCache(): Promise<string> {
  const path = await tempDir()
  await writeLayout(
    path,
    NAMES.map((name) => ({ name, image: IMAGE })),
  )
  return path
}

async function namesIn(path: string): Promise<string[]> {
  const { manifests } = JSON.parse(await readFile(join(path, INDEX_FILE), 'utf8'))
  return manifests.map((entry: { annotations: Record<string, string> }) => entry.annotations[REF_NAME])
}

describe('an fcntl lock of another program on .lock', interop('python3'), () => {
  it('keeps us from index.json until it is gone', async () => {
    const path = await aCache()
    const lock = await tryFcntlLock(join(path, LINUXKIT_LOCK))
    assert.ok(lock.locked)
    const before = await readFile(join(path, INDEX_FILE))
    const hasty = await openCache({ path, env: {}, lockTimeoutMs: 200 })
    await assert.rejects(hasty.remove([NAMES[0] ?? '']), (error) => isHearthError(error, 'STORE_BUSY'))
    assert.deepEqual(await readFile(join(path, INDEX_FILE)), before)
    // Who only reads never waits.
    assert.equal((await hasty.list()).length, 2)
    await hasty.close()
    const patient = await openCache({ path, env: {} })
    const removing = patient.remove([NAMES[0] ?? ''])
    await lock.release()
    assert.deepEqual((await removing).removed, [NAMES[0]])
    await patient.close()
  })

  it('is refused while we compare, adopt and replace', async () => {
    const path = await aCache()
    const file = new FsIndexFile({ root: path, lockTimeoutMs: 1000 })
    await file.exclusively(async () => {
      const lock = await tryFcntlLock(join(path, LINUXKIT_LOCK))
      await lock.release()
      assert.equal(lock.locked, false)
    })
    const free = await tryFcntlLock(join(path, LINUXKIT_LOCK))
    await free.release()
    assert.equal(free.locked, true)
  })

  it('makes an edit of theirs and one of ours come one after the other', async () => {
    const path = await aCache()
    const lock = await tryFcntlLock(join(path, LINUXKIT_LOCK))
    const cache = await openCache({ path, env: {} })
    const removing = cache.remove([NAMES[0] ?? ''])
    // As LinuxKit: read, change, write in place, all under the lock.
    const index = JSON.parse(await readFile(join(path, INDEX_FILE), 'utf8'))
    const added = { ...IMAGE.root, annotations: { [REF_NAME]: 'reg.example/theirs:1' } }
    await writeFile(join(path, INDEX_FILE), JSON.stringify({ ...index, manifests: [...index.manifests, added] }))
    await lock.release()
    await removing
    assert.deepEqual((await namesIn(path)).sort(), [NAMES[1], 'reg.example/theirs:1'])
    await cache.close()
  })
})
