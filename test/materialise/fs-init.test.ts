import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { FsIndexFile } from '../../src/materialise/fs-index-file.js'
import { openOrInit, readFormat } from '../../src/materialise/fs-init.js'
import { materialise } from '../../src/materialise/materialise.js'
import { FORMAT_FILE, HEARTH_FOLDER, INDEX_FILE, LOG_FOLDER, OCI_LAYOUT_FILE } from '../../src/oci/image-layout.js'
import { startLogProcess, withLevelLog } from '../support/a-level-log.js'
import { readAll, referenceSet } from '../support/a-log.js'
import { tempDir } from '../support/temp-dir.js'

const OPTIONS = { lockTimeoutMs: 60_000 }
const COMPLETE = ['format.json', 'ingest', 'leases', 'log', 'log.lock']

describe('initialising a cache', () => {
  it('makes an image layout with a log, for the owner alone', async () => {
    const root = join(await tempDir(), 'some', 'where')
    const format = await openOrInit(root, OPTIONS)
    assert.deepEqual(await readFormat(root), format)
    assert.deepEqual((await readdir(root)).sort(), [HEARTH_FOLDER, 'blobs', OCI_LAYOUT_FILE])
    assert.deepEqual((await readdir(join(root, HEARTH_FOLDER))).sort(), COMPLETE)
    for (const folder of ['', HEARTH_FOLDER]) assert.equal((await stat(join(root, folder))).mode & 0o777, 0o700)
    assert.equal(await recorded(root), 0)
  })

  it('makes the parents that are missing, and refuses a file or a dangling link in their place', async () => {
    const folder = await tempDir()
    await openOrInit(join(folder, 'a', 'b', 'c'), OPTIONS)
    assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700)
    await writeFile(join(folder, 'file'), '')
    await symlink(join(folder, 'nowhere'), join(folder, 'link'))
    for (const path of ['file', 'link']) {
      await assert.rejects(openOrInit(join(folder, path), OPTIONS), (error) => isHearthError(error, 'STORE_FAILED'))
    }
  })

  it('works behind no link in the place of a folder of blobs, new or known', async () => {
    for (const place of ['blobs', 'blobs/sha256', 'blobs/blake3']) {
      for (const isKnown of [false, true]) {
        const [root, elsewhere] = [await tempDir(), await tempDir()]
        if (isKnown) await openOrInit(root, OPTIONS)
        await rm(join(root, place), { recursive: true, force: true })
        await mkdir(dirname(join(root, place)), { recursive: true })
        await symlink(elsewhere, join(root, place))
        const before = await readdir(root, { recursive: true })
        await assert.rejects(openOrInit(root, OPTIONS), (error) => isHearthError(error, 'LAYOUT_INVALID'))
        assert.deepEqual([await readdir(root, { recursive: true }), await readdir(elsewhere)], [before, []])
      }
    }
  })

  it('sweeps what a run that was killed on the way left of its files', async () => {
    const root = join(await tempDir(), 'cache')
    await mkdir(join(root, HEARTH_FOLDER), { recursive: true })
    const random = `12.${'0a'.repeat(16)}`
    for (const path of [OCI_LAYOUT_FILE, FORMAT_FILE]) await writeFile(join(root, `${path}.${random}`), '')
    await openOrInit(root, OPTIONS)
    assert.deepEqual((await readdir(root)).sort(), [HEARTH_FOLDER, 'blobs', OCI_LAYOUT_FILE])
    assert.deepEqual((await readdir(join(root, HEARTH_FOLDER))).sort(), COMPLETE)
  })

  it('does nothing the second time', async () => {
    const root = join(await tempDir(), 'cache')
    const format = await openOrInit(root, OPTIONS)
    await withLevelLog(root, (log) => log.append([referenceSet('app:1')], 0))
    assert.deepEqual(await openOrInit(root, OPTIONS), format)
    assert.equal(await recorded(root), 1)
  })

  it('happens once when many do it at once', async () => {
    const root = join(await tempDir(), 'cache')
    const own = Promise.all(Array.from({ length: 4 }, () => openOrInit(root, OPTIONS)))
    const processes = Promise.all(Array.from({ length: 3 }, () => startLogProcess('init', root)))
    const formats = [...(await own), ...(await processes).map(({ said }) => said)]
    for (const format of formats) assert.deepEqual(format, await readFormat(root))
    assert.deepEqual((await readdir(join(root, HEARTH_FOLDER))).sort(), COMPLETE)
  })

  it('is finished by the next who tries when it was killed at any step', async () => {
    const whole = join(await tempDir(), 'cache')
    await openOrInit(whole, OPTIONS)
    await rm(join(whole, FORMAT_FILE))
    const steps = ['.hearth/init.lock', LOG_FOLDER, '.hearth/leases', '.hearth/ingest', 'blobs']
    const unfinished: string[] = []
    for (const step of [...steps, OCI_LAYOUT_FILE, HEARTH_FOLDER]) {
      const copy = join(await tempDir(), 'cache')
      await cp(whole, copy, { recursive: true })
      unfinished.push(copy)
      await rm(join(whole, step), { recursive: true, force: true })
    }
    for (const root of unfinished) {
      await openOrInit(root, OPTIONS)
      assert.deepEqual((await readdir(join(root, HEARTH_FOLDER))).sort(), COMPLETE)
      assert.equal(await recorded(root), 0)
    }
  })

  it('finishes a log that was killed while LevelDB made it', async () => {
    const root = join(await tempDir(), 'cache')
    await openOrInit(root, OPTIONS)
    await rm(join(root, FORMAT_FILE))
    await rm(join(root, LOG_FOLDER, 'CURRENT'))
    await openOrInit(root, OPTIONS)
    assert.equal(await recorded(root), 0)
  })

  it('makes the log anew when a power cut took what LevelDB had not fsynced', async () => {
    const root = join(await tempDir(), 'cache')
    await openOrInit(root, OPTIONS)
    await rm(join(root, FORMAT_FILE))
    const [manifest] = (await readdir(join(root, LOG_FOLDER))).filter((name) => name.startsWith('MANIFEST'))
    await truncate(join(root, LOG_FOLDER, manifest ?? assert.fail()))
    await openOrInit(root, OPTIONS)
    assert.equal(await recorded(root), 0)
  })

  it('keeps a history whose format.json was lost, and refuses it when it is damaged as well', async () => {
    const root = join(await tempDir(), 'cache')
    await openOrInit(root, OPTIONS)
    await withLevelLog(root, (log) => log.append([referenceSet('app:1')], 0))
    await rm(join(root, FORMAT_FILE))
    await openOrInit(root, OPTIONS)
    assert.equal(await recorded(root), 1)
    await rm(join(root, FORMAT_FILE))
    const names = await readdir(join(root, LOG_FOLDER))
    for (const name of names.filter((one) => one.startsWith('MANIFEST'))) await truncate(join(root, LOG_FOLDER, name))
    await assert.rejects(openOrInit(root, OPTIONS), (error) => isHearthError(error, 'LOG_CORRUPT'))
  })
})

describe('initialising a cache in a folder that is not ours', () => {
  it('leaves a newer cache alone', async () => {
    const root = await tempDir()
    await mkdir(join(root, HEARTH_FOLDER))
    await writeFile(join(root, FORMAT_FILE), '{"version":2,"id":"x"}')
    await assert.rejects(openOrInit(root, OPTIONS), (error) => isHearthError(error, 'FORMAT_UNSUPPORTED'))
    assert.deepEqual(await readdir(root), [HEARTH_FOLDER])
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), ['format.json'])
  })

  it('leaves a layout alone that it does not understand', async () => {
    for (const [name, text] of [
      [OCI_LAYOUT_FILE, '{"imageLayoutVersion":"9"}'],
      [INDEX_FILE, '{"manifests":[{}]}'],
    ] as const) {
      const root = await tempDir()
      await writeFile(join(root, name), text)
      await assert.rejects(openOrInit(root, OPTIONS), (error) => isHearthError(error, 'LAYOUT_INVALID'))
      assert.deepEqual(await readdir(root), [name])
    }
  })

  it('is refused where there is a file instead of a folder', async () => {
    const path = join(await tempDir(), 'file')
    await writeFile(path, '')
    await assert.rejects(openOrInit(path, OPTIONS), (error) => isHearthError(error, 'STORE_FAILED'))
  })

  it('adopts what another tool keeps there, when it is materialised first', async () => {
    const root = await tempDir()
    const layout = '{"imageLayoutVersion": "1.0.0"}\n'
    await writeFile(join(root, OCI_LAYOUT_FILE), layout)
    const { descriptor } = referenceSet('theirs:1')
    const annotations = { 'org.opencontainers.image.ref.name': 'theirs:1' }
    await writeFile(
      join(root, INDEX_FILE),
      JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptor, annotations }] }),
    )
    await openOrInit(root, OPTIONS)
    assert.equal(await readFile(join(root, OCI_LAYOUT_FILE), 'utf8'), layout)
    assert.deepEqual(await adopted(root), ['theirs:1'])
  })

  const umoci = spawnSync('umoci', ['--version']).error === undefined
  it('lives with umoci, which adds and removes images', { skip: !umoci && 'umoci is not installed' }, async () => {
    const root = join(await tempDir(), 'layout')
    const run = (...args: readonly string[]): string => {
      const { status, stdout, stderr } = spawnSync('umoci', args, { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      return stdout
    }
    run('init', '--layout', root)
    run('new', '--image', `${root}:one`)
    await openOrInit(root, OPTIONS)
    assert.deepEqual(await adopted(root), ['one'])
    run('new', '--image', `${root}:two`)
    assert.deepEqual(await adopted(root), ['one', 'two'])
    run('rm', '--image', `${root}:one`)
    assert.deepEqual(await adopted(root), ['two'])
    assert.equal(run('ls', '--layout', root), 'two\n')
  })
})

async function recorded(root: string): Promise<number> {
  return withLevelLog(root, async (log) => (await readAll(log.read(0))).length)
}

/** The references after index.json was materialised. */
async function adopted(root: string): Promise<readonly string[]> {
  return withLevelLog(root, (log) =>
    log.hold(async (held) => {
      await materialise(held, new FsIndexFile({ root, lockTimeoutMs: 10_000 }))
      return [...(await held.references()).keys()].sort()
    }),
  )
}
