import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { acquireLock } from '../../src/lock/fs-lock.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { FsIndexFile } from '../../src/materialise/fs-index-file.js'
import { materialise } from '../../src/materialise/materialise.js'
import { HEARTH_FOLDER, INDEX_FILE, LINUXKIT_LOCK, MATERIALISED_FILE } from '../../src/oci/image-layout.js'
import { indexFileContract } from '../contract/index-file.contract.js'
import { aDescriptorOf, readAll, referenceRemoved, referenceSet } from '../support/a-log.js'
import { tempDir } from '../support/temp-dir.js'

indexFileContract('FsIndexFile', async () => new FsIndexFile({ root: await aFolder(), lockTimeoutMs: 10_000 }))

describe('index.json on disk', () => {
  it('is found by the next process, with its base', async () => {
    const root = await aFolder()
    await fileIn(root).exclusively((open) => open.replace(Buffer.from('one')))
    await fileIn(root).exclusively(async (open) => assert.equal(`${await open.base()}`, 'one'))
  })

  it('leaves nothing else in the folder', async () => {
    const root = await aFolder()
    const file = fileIn(root)
    await file.exclusively((open) => open.replace(Buffer.from('one')))
    assert.deepEqual((await readdir(root)).sort(), [HEARTH_FOLDER, LINUXKIT_LOCK, INDEX_FILE])
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), ['materialised.json'])
  })

  it('sweeps what a killed process left, and nothing else', async () => {
    const root = await aFolder()
    const left = `index.json.123.${'0a'.repeat(16)}`
    const leftBeside = join(HEARTH_FOLDER, `materialised.json.next.123.${'0a'.repeat(16)}`)
    const kept = ['index.json.bak', 'index.json.123', `index.json.x.${'0a'.repeat(16)}`]
    for (const name of [left, leftBeside, ...kept]) await writeFile(join(root, name), '')
    await fileIn(root).exclusively((open) => open.replace(Buffer.from('one')))
    const names = await readdir(root)
    assert.ok(!names.includes(left))
    for (const name of kept) assert.ok(names.includes(name), name)
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), ['materialised.json'])
  })

  it('waits for a tool that has it locked, for a time', async () => {
    const root = await aFolder()
    const lock = await acquireLock(join(root, LINUXKIT_LOCK), { timeoutMs: 0, busy: () => assert.fail() })
    const impatient = new FsIndexFile({ root, lockTimeoutMs: 5 })
    await assert.rejects(
      impatient.exclusively(async () => assert.fail('it is locked')),
      (error) => isHearthError(error, 'STORE_BUSY'),
    )
    const patient = fileIn(root).exclusively(async () => 'in')
    await lock.release()
    assert.equal(await patient, 'in')
  })

  it('is read without any lock', async () => {
    const root = await aFolder()
    await writeFile(join(root, INDEX_FILE), 'theirs')
    await fileIn(root).exclusively(async () => assert.equal(`${await fileIn(root).read()}`, 'theirs'))
  })

  it('cannot be written into a folder that is gone', async () => {
    const root = await aFolder()
    await assert.rejects(
      fileIn(root).exclusively(async (open) => {
        await rename(join(root, HEARTH_FOLDER), join(root, 'away'))
        await open.replace(Buffer.from('one'))
      }),
      (error) => isHearthError(error, 'STORE_FAILED'),
    )
    assert.ok(!(await readdir(root)).includes(INDEX_FILE))
  })
})

describe('a crash while index.json is replaced', () => {
  it('before index.json: the base is what stands there', async () => {
    const { root, log } = await aCache()
    const before = await readFile(join(root, INDEX_FILE))
    await crash(root, log, 'before index.json')
    assert.deepEqual(await readFile(join(root, INDEX_FILE)), before)
    await assertNothingAdopted(root, log)
  })

  it('after index.json: what stands there is the base', async () => {
    const { root, log } = await aCache()
    await crash(root, log, 'after index.json')
    await assertNothingAdopted(root, log)
  })

  it('adopts nothing even if the log has moved on since', async () => {
    for (const point of ['before index.json', 'after index.json'] as const) {
      const { root, log } = await aCache()
      await crash(root, log, point)
      const moved = referenceSet('app:3', { descriptor: aDescriptorOf('moved') })
      await log.hold((held) => held.append([moved, referenceRemoved('app:2')]))
      await assertNothingAdopted(root, log)
      assert.deepEqual([...log.state.references.keys()], ['app:1', 'app:3'])
      assert.deepEqual(log.state.references.get('app:3')?.descriptor, moved.descriptor)
    }
  })

  it('does not hide what another tool did afterwards', async () => {
    for (const point of ['before index.json', 'after index.json'] as const) {
      const { root, log } = await aCache()
      await crash(root, log, point)
      const index = JSON.parse(await readFile(join(root, INDEX_FILE), 'utf8'))
      index.manifests = index.manifests.slice(1)
      await writeFile(join(root, INDEX_FILE), JSON.stringify(index))
      await log.hold((held) => materialise(held, fileIn(root)))
      assert.deepEqual([...log.state.references.keys()], ['app:2', 'app:3'])
    }
  })

  it('the first time leaves what another tool wrote to be adopted', async () => {
    const root = await aFolder()
    await writeFile(join(root, INDEX_FILE), '{"schemaVersion":2,"manifests":[]}')
    await writeFile(join(root, `${MATERIALISED_FILE}.next`), '{"schemaVersion":2,"manif')
    const log = new MemoryEventLog()
    await log.hold(async (held) => {
      await held.append([referenceSet('app:1')])
      await materialise(held, fileIn(root))
    })
    assert.deepEqual([...log.state.references.keys()], ['app:1'])
  })
})

async function aFolder(): Promise<string> {
  const root = await tempDir()
  await mkdir(join(root, HEARTH_FOLDER))
  return root
}

function fileIn(root: string): FsIndexFile {
  return new FsIndexFile({ root, lockTimeoutMs: 10_000 })
}

/** Two references, materialised. */
async function aCache(): Promise<{ readonly root: string; readonly log: MemoryEventLog }> {
  const root = await aFolder()
  const log = new MemoryEventLog()
  await log.hold(async (held) => {
    await held.append([referenceSet('app:1'), referenceSet('app:2')])
    await materialise(held, fileIn(root))
  })
  return { root, log }
}

/** Records a third reference, and leaves the files as a process that was killed on the way to the new index.json would. */
async function crash(
  root: string,
  log: MemoryEventLog,
  point: 'before index.json' | 'after index.json',
): Promise<void> {
  const [index, base] = [join(root, INDEX_FILE), join(root, MATERIALISED_FILE)]
  const before = await readFile(index)
  await log.hold(async (held) => {
    await held.append([referenceSet('app:3')])
    await materialise(held, fileIn(root))
  })
  await rename(base, `${base}.next`)
  await writeFile(base, before)
  if (point === 'before index.json') await writeFile(index, before)
}

async function assertNothingAdopted(root: string, log: MemoryEventLog): Promise<void> {
  const before = await readAll(log.read(0))
  await log.hold((held) => materialise(held, fileIn(root)))
  assert.deepEqual(await readAll(log.read(0)), before)
  assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), ['materialised.json'])
}
