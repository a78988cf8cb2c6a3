/** An import that is killed at any byte of its archive leaves nothing that counts, and nothing that stays. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { archiveOf, ociEntries } from '../support/an-archive.js'
import { anImage } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { HEARTH, hearthOk } from '../support/hearth.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const NAME = 'docker.io/library/app:1'
const image = await anImage({ seed: 'killed', layers: [{ bytes: 3_000_000 }, { bytes: 3_000_000 }] })
// Names last: nothing may be committed before them.
const archive = await archiveOf(ociEntries({ [NAME]: image }).toReversed())

const stagings = async (cache: string) =>
  (await readdir(join(cache, '.hearth/ingest')).catch(() => [])).filter((name) => name.startsWith('stage-'))

/** How many files an import has staged so far. */
async function staged(cache: string): Promise<number> {
  const [own] = await stagings(cache)
  return own === undefined
    ? 0
    : (await readdir(join(cache, '.hearth/ingest', own))).filter((name) => name !== 'lock').length
}

describe('an import that is killed while its archive still comes', () => {
  it('leaves no name and no blob, and what it has staged goes with the next one', async () => {
    const cache = join(await tempDir(), 'cache')
    for (const part of [0.4, 0.9]) {
      const child = spawn(process.execPath, [HEARTH, 'import', '-', '--cache', cache], {
        stdio: ['pipe', 'ignore', 'inherit'],
      })
      const ended = once(child, 'exit')
      child.stdin.on('error', () => {})
      child.stdin.write(archive.subarray(0, archive.length * part))
      await until(async () => (await staged(cache)) > 0)
      child.kill('SIGKILL')
      assert.deepEqual(await ended, [null, 'SIGKILL'])
      assert.deepEqual(await soundBlobs(cache), new Set())
      assert.deepEqual(JSON.parse(await readFile(join(cache, 'index.json'), 'utf8')).manifests, [])
      assert.equal((await stagings(cache)).length, 1)
    }
    const child = spawn(process.execPath, [HEARTH, 'import', '-', '--cache', cache], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(child, 'exit')
    child.stdin.end(archive)
    assert.deepEqual(await ended, [0, null])
    assert.deepEqual(await soundBlobs(cache), new Set<string>(image.blobs.keys()))
    assert.deepEqual(await stagings(cache), [])
    await hearthOk(['verify', '--cache', cache])
  })

  it('is tidied up by clean as well', async () => {
    const cache = join(await tempDir(), 'cache')
    const child = spawn(process.execPath, [HEARTH, 'import', '-', '--cache', cache], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(child, 'exit')
    child.stdin.on('error', () => {})
    child.stdin.write(archive.subarray(0, archive.length / 2))
    await until(async () => (await staged(cache)) > 0)
    await hearthOk(['clean', '--cache', cache])
    assert.equal((await stagings(cache)).length, 1, 'that of a living one stays')
    child.kill('SIGKILL')
    await ended
    await hearthOk(['clean', '--cache', cache])
    assert.deepEqual(await stagings(cache), [])
  })

  it('stops in good order on Ctrl-C, also while nothing comes', async () => {
    const cache = join(await tempDir(), 'cache')
    const child = spawn(process.execPath, [HEARTH, 'import', '-', '--cache', cache], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const ended = once(child, 'exit')
    child.stdin.on('error', () => {})
    child.stdin.write(archive.subarray(0, archive.length / 2))
    await until(async () => (await staged(cache)) > 0)
    child.kill('SIGINT')
    assert.deepEqual(await ended, [130, null])
    assert.deepEqual(await stagings(cache), [])
    assert.ok((await stat(cache)).isDirectory())
  })
})
