import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Digest } from '../../src/oci/digest.js'
import { blobPath, digestFileName, INGEST_FOLDER } from '../../src/oci/image-layout.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { runHearth } from '../support/run-hearth.js'
import { tempDir } from '../support/temp-dir.js'
import { pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

let image: BuiltImage
let layer: Digest
before(async () => {
  // Large enough for an ingest with a state.
  image = await anImage({ layers: [{ bytes: 3_000_000 }] })
  layer = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
})

const aPipe = async (path: string) => void execFileSync('mkfifo', [path])
/** Puts something where a file or folder of ours belongs. */
const PLANTS: Readonly<Record<string, (path: string, outside: string) => Promise<unknown>>> = {
  'a link to a file': (path, outside) => symlink(join(outside, 'file'), path),
  'a link to a folder': (path, outside) => symlink(outside, path),
  'a link to nothing': (path, outside) => symlink(join(outside, 'nothing'), path),
  'a pipe': aPipe,
  'a folder': (path) => mkdir(path),
  'a folder with something in it': (path) => mkdir(join(path, 'x'), { recursive: true }),
}

/** RELIABILITY 7.4 L3 and L4. */
describe('a pull that finds', { concurrency: 4 }, () => {
  const PLACES: Readonly<Record<string, () => string>> = {
    'the place of a blob': () => blobPath(layer),
    'the place of an ingest': () => join(INGEST_FOLDER, digestFileName(layer)),
    'the place of an ingest’s bytes': () => join(INGEST_FOLDER, digestFileName(layer), 'data'),
    'the place of an ingest’s state': () => join(INGEST_FOLDER, digestFileName(layer), 'state.json'),
  }
  for (const [plant, put] of Object.entries(PLANTS)) {
    for (const [place, pathOf] of Object.entries(PLACES)) {
      it(`${plant} in ${place} puts its own there, and leaves the rest of the disk alone`, { timeout: 20_000 }, () =>
        withPull({}, async ({ registry, cache, root }) => {
          const outside = await tempDir()
          await writeFile(join(outside, 'file'), 'theirs')
          const path = join(root, pathOf())
          await mkdir(dirname(path), { recursive: true })
          await put(path, outside)
          await pulled(cache, registry.add(image, 'app', 'v1'))
          assert.deepEqual(await soundBlobs(cache), digestsOf(image))
          assert.deepEqual(await readdir(outside), ['file'])
          assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'theirs')
        }),
      )
    }
  }

  it('that a partial layer was changed begins it again', () =>
    withPull({ retry: { retries: 0 } }, async ({ registry, cache, root }) => {
      const name = registry.add(image, 'app', 'v1')
      registry.script({ digest: layer }, steps.finAfter(90_000))
      await refused(cache, name, 'CONNECTION_LOST')
      const path = join(root, INGEST_FOLDER, digestFileName(layer), 'data')
      const bytes = await readFile(path)
      assert.equal(bytes.length, 90_000)
      bytes[7] = (bytes[7] ?? 0) ^ 1
      await writeFile(path, bytes)
      await pulled(cache, name)
      assert.deepEqual(await soundBlobs(cache), digestsOf(image))
      const ranges = registry.requestsFor({ digest: layer }).map(({ headers }) => headers.range)
      assert.deepEqual(ranges, [undefined, 'bytes=90000-', undefined])
    }))
})

describe('the command', { concurrency: 3 }, () => {
  let registry: RawRegistry
  let name: string
  before(async () => {
    registry = await startRawRegistry({ auth: { kind: 'bearer' } })
    name = registry.add(image, 'app', 'v1')
  })
  after(() => registry.close())

  for (const file of ['.hearth/format.json', '.hearth/materialised.json', 'oci-layout', 'index.json']) {
    it(`does not wait for a pipe in the place of ${file}`, async () => {
      const cache = await tempDir()
      await mkdir(join(cache, '.hearth'))
      await aPipe(join(cache, file))
      for (const argv of file === 'index.json' ? [['ls'], ['pull', name]] : [['pull', name]]) {
        const { exitCode, stderr } = await runHearth([...argv, '--cache', cache])
        assert.equal(exitCode, 4)
        assert.match(stderr, /^hearth: LAYOUT_INVALID: /m)
      }
    })
  }

  for (const plant of ['a link to a file', 'a link to a folder', 'a link to nothing', 'a pipe']) {
    it(`does not work in ${plant} instead of a folder of its own`, async () => {
      const [cache, outside] = [await tempDir(), await tempDir()]
      await writeFile(join(outside, 'file'), 'theirs')
      await PLANTS[plant]?.(join(cache, '.hearth'), outside)
      const { exitCode } = await runHearth(['pull', '--cache', cache, name])
      assert.equal(exitCode, 4)
      assert.deepEqual([await readdir(outside), await readdir(cache)], [['file'], ['.hearth']])
    })
  }

  /** RELIABILITY 7.4 L1. */
  for (const umask of [0o000, 0o077]) {
    it(`lets nobody else write under umask ${umask.toString(8).padStart(3, '0')}`, async () => {
      const cache = join(await tempDir(), 'new', 'cache')
      const { exitCode, stderr } = await runHearth(['pull', '--cache', cache, name], { umask })
      assert.equal(exitCode, 0, stderr)
      const modes = new Map<string, number>()
      for (const entry of await readdir(cache, { recursive: true })) {
        modes.set(entry, (await lstat(join(cache, entry))).mode & 0o777)
      }
      assert.deepEqual(
        [...modes].filter(([, mode]) => (mode & 0o022) !== 0),
        [],
      )
      assert.equal((await lstat(cache)).mode & 0o777, 0o700)
      assert.equal(modes.get('.hearth'), 0o700)
      for (const digest of digestsOf(image)) assert.equal(modes.get(blobPath(digest)), 0o444)
    })
  }

  it('takes its own folder back from others', async () => {
    const cache = await tempDir()
    await mkdir(join(cache, '.hearth'))
    await chmod(join(cache, '.hearth'), 0o777)
    assert.equal((await runHearth(['pull', '--cache', cache, name])).exitCode, 0)
    assert.equal((await lstat(join(cache, '.hearth'))).mode & 0o777, 0o700)
  })

  /** RELIABILITY 7.4 L2. */
  it('knows a cache by whatever path leads there', async () => {
    const folder = await tempDir()
    await mkdir(join(folder, 'real'))
    await symlink('real', join(folder, 'link'))
    assert.equal((await runHearth(['pull', '--cache', 'link', name], { cwd: folder })).exitCode, 0)
    const again = await runHearth(['pull', '--pull', 'never', '--cache', join(folder, 'real'), name])
    assert.equal(again.exitCode, 0, again.stderr)
    assert.ok((await lstat(join(folder, 'link'))).isSymbolicLink())
    assert.match((await runHearth(['ls', '--cache', 'link'], { cwd: folder })).stdout, /app:v1/)
  })

  /** RELIABILITY 7.4 L8. */
  it('writes into its cache alone, and finds no password in the current folder', async () => {
    const folder = await tempDir()
    await mkdir(join(folder, 'containers'))
    await writeFile(join(folder, 'containers', 'auth.json'), 'not JSON')
    const env = { TMPDIR: join(folder, 'none'), HOME: join(folder, 'home'), XDG_RUNTIME_DIR: '.', XDG_CACHE_HOME: '.' }
    const { exitCode, stderr } = await runHearth(['pull', '--cache', 'cache', name], { env, cwd: folder })
    assert.equal(exitCode, 0, stderr)
    assert.deepEqual((await readdir(folder)).toSorted(), ['cache', 'containers'])
  })
})
