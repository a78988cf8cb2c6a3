import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { isBuiltin, Module } from 'node:module'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { openForm } from '../src/packaging/compiled-form.js'
import { VERSION } from '../src/version.js'
import { tempDir } from './support/temp-dir.js'

const BUNDLE = new URL('../bundle/', import.meta.url)
const COMMAND = fileURLToPath(new URL('hearth.js', BUNDLE))

/** The files that a file of the bundle starts threads from. */
async function threadsOf(file: string): Promise<readonly URL[]> {
  const source = await readFile(new URL(file, BUNDLE), 'utf8')
  const named = source.matchAll(/new URL\("([^"]*)",\s*urlInBundle\("([^"]*)"\)\)/g)
  return Array.from(named, ([, path = '', module = '']) => new URL(path, new URL(module, BUNDLE)))
}

describe('the bundle', () => {
  it('finds every file that it names by URL: threads are started from such names', async () => {
    const files = (await Promise.all(['hearth.js', 'workers/fetch-blob.js'].map(threadsOf))).flat()
    for (const url of files) assert.ok(existsSync(url), url.href)
    const names = new Set(files.map(({ pathname }) => pathname.replace(/.*\//, '')))
    assert.deepEqual([...names].sort(), ['fetch-blob.js', 'hash-thread.js', 'verify-blob.js'])
  })

  it('brings every package along, but for two that are seldom needed and what belongs to the platform', async () => {
    const source = await readFile(new URL('hearth.js', BUNDLE), 'utf8')
    const required = source.matchAll(/\b(?:require|import)\("([^"]+)"\)/g)
    // node:sqlite is one of Node 22's.
    const packages = Array.from(required, ([, name = '']) => name).filter(
      (name) => !isBuiltin(name) && !name.startsWith('node:'),
    )
    assert.deepEqual([...new Set(packages)].sort(), ['fs-native-extensions/binding.js', 'hash-wasm', 'piscina'])
  })

  it('is compiled beforehand, with what a pull calls, in a form that this version of Node takes', async () => {
    const source = Module.wrap(await readFile(COMMAND, 'utf8'))
    const cachedData = openForm(await readFile(`${COMMAND}.compiled`))
    assert.ok(cachedData !== undefined)
    assert.equal(new Script(source, { filename: COMMAND, cachedData }).cachedDataRejected, false)
    const ofLoading = new Script(source, { filename: COMMAND }).createCachedData()
    assert.ok(cachedData.length > 2 * ofLoading.length, `${cachedData.length} ${ofLoading.length}`)
  })

  it('works where the compiled form is missing, damaged, or of another version', async () => {
    const folder = await tempDir()
    await cp(BUNDLE, folder, { recursive: true })
    const compiled = join(folder, 'hearth.js.compiled')
    const versionOf = () => execFileSync(process.execPath, [join(folder, 'cli.js'), '--version'], { encoding: 'utf8' })
    const whole = await readFile(compiled)
    const flipped = [100, 5000, whole.length - 1].map((at) =>
      whole.map((byte, place) => (place === at ? byte ^ 4 : byte)),
    )
    for (const form of ['', 'damaged', whole.subarray(0, 5000), ...flipped]) {
      await writeFile(compiled, form)
      assert.equal(versionOf(), `${VERSION}\n`)
    }
    await rm(compiled)
    assert.equal(versionOf(), `${VERSION}\n`)
  })
})
