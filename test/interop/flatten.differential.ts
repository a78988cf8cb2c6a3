/**
 * Random stacks of layers, flattened by hearth and unpacked by umoci. Not part of `npm test`: `npm run test:flatten`, as CI
 * does. Each run takes new seeds; a failure is shrunk, and its seed and path are printed:
 * `HEARTH_FLATTEN_SEED=… npm run test:flatten` repeats it.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { interop } from '../support/interop.js'
import { aFile, aStack, aSymlink, aTar, gzipLayer, type LayerEntry } from '../support/layer-entries.js'
import { randomLayers, withoutImpossible } from '../support/random-layers.js'
import { tempDir } from '../support/temp-dir.js'
import { stackOf, timeless, twoViews } from '../support/umoci-unpack.js'

const STACKS = 250
const seed = Number(process.env.HEARTH_FLATTEN_SEED ?? Date.now() % 2 ** 31)
const run = promisify(execFile)
const isRoot = process.getuid?.() === 0
const options = isRoot ? interop('umoci') : { skip: 'owners and devices need root' }

/** Small ones that put folders where the layer below has links, and have hard links and other people's files. */
const PACKAGES = ['base-files', 'coreutils', 'dash', 'base-passwd', 'perl-base', 'util-linux']
const BINARY = { encoding: 'buffer', maxBuffer: 2 ** 28 } as const
const MERGED_USR = ['bin', 'sbin', 'lib'].map((name) => aSymlink(name, `usr/${name}`))
/** What images leave out to be small. */
const CLEANED = ['usr/share/.wh.man', 'usr/share/doc/.wh..wh..opq', 'usr/bin/.wh.yes'].map((name) => aFile(name, ''))

async function compare(layers: readonly (readonly LayerEntry[])[], parent: string): Promise<boolean> {
  const { ours, umocis } = await twoViews(await stackOf(layers), parent)
  if (ours === undefined || umocis === undefined) {
    assert.equal(ours === undefined, umocis === undefined, `only ${ours === undefined ? 'umoci' : 'hearth'} unpacks it`)
    return false
  }
  assert.deepEqual(timeless(ours, umocis), timeless(umocis, ours))
  return true
}

describe('a flattened file system, beside what umoci unpacks', { ...options, concurrency: 2 }, () => {
  for (const half of [0, 1]) {
    it(`is the same for ${STACKS} random stacks (seed ${seed + half})`, async () => {
      const parent = await tempDir()
      let unpacked = 0
      const property = fc.asyncProperty(randomLayers, async (layers) => {
        if (await compare(withoutImpossible(layers), parent)) unpacked += 1
      })
      await fc.assert(property, { numRuns: STACKS, seed: seed + half, includeErrorInReport: true })
      assert.ok(unpacked >= STACKS, `umoci unpacked ${unpacked}`)
    })
  }

  it(`fails for the same stacks (seed ${seed})`, async () => {
    const parent = await tempDir()
    await fc.assert(
      fc.asyncProperty(randomLayers, async (layers) => void (await compare(layers, parent))),
      { numRuns: 50, seed, includeErrorInReport: true },
    )
  })

  const debian = { skip: existsSync('/usr/bin/apt-get') ? false : 'needs apt-get' }
  it('is the same for packages of a distribution, one over the other', debian, async () => {
    const folder = await tempDir()
    // As a user of their own apt would refuse to write into another's folder.
    await run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...PACKAGES], { cwd: folder })
    const packages = (await readdir(folder)).filter((name) => name.endsWith('.deb')).sort()
    assert.equal(packages.length, PACKAGES.length)
    const unpacked = packages.map((name) => run('dpkg-deb', ['--fsys-tarfile', join(folder, name)], BINARY))
    const tars = (await Promise.all(unpacked)).map(({ stdout }) => stdout)
    const layers = [await aTar(MERGED_USR), ...tars, await aTar(CLEANED)]
    const { ours, umocis } = await twoViews(await aStack(layers.map(gzipLayer)), folder)
    assert.ok(ours !== undefined && umocis !== undefined && ours.size > 300, `${ours?.size}`)
    assert.deepEqual(timeless(ours, umocis), timeless(umocis, ours))
  })
})
