/** Mistakes, accidents and other people's tidying up: each ends with one clear line, a code, and nothing lost. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Digest } from '../../src/oci/digest.js'
import { HEARTH_FOLDER, INDEX_FILE, LOG_FOLDER, OCI_LAYOUT_FILE } from '../../src/oci/image-layout.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { ingestedBytes, namesIn, soundBlobs } from '../support/cache-folder.js'
import { hearth, hearthOk, startHearth } from '../support/hearth.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { stallAfter } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const AMD64 = ['--platform', 'linux/amd64']

let registry: RawRegistry
let image: BuiltImage
let name: string
/** With the image in it; tests take copies. */
let original: string

before(async () => {
  registry = await startRawRegistry()
  image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ bytes: 50_000 }, {}] })
  name = registry.add(image, 'library/app', '1.0')
  original = await tempDir()
  await hearthOk(['pull', name, ...AMD64, '--cache', original])
})
after(() => registry.close())

async function aCopy(): Promise<string> {
  const cache = await tempDir()
  await cp(original, cache, { recursive: true })
  return cache
}

/** Runs what must fail: one line says why, and a document says the same. */
async function assertFails(argv: readonly string[], exitCode: number, code: string): Promise<void> {
  const { stdout, stderr, ...ended } = await hearth(['--json', '--no-progress', ...argv])
  assert.deepEqual([ended.exitCode, stderr.split('\n').length], [exitCode, 2], stderr)
  assert.ok(stderr.startsWith(`hearth: ${code}: `), stderr)
  const { error, results = [], kept = [] } = JSON.parse(stdout)
  const [failure = error] = [...results, ...kept].map((result) => result.failure)
  assert.equal(failure.code, code)
}

describe('hearth in the hands of who mistypes', () => {
  it('refuses a word that is no command, also with --json', async () => {
    await assertFails(['frobnicate'], 2, 'USAGE')
    await assertFails(['ls', 'too', 'many'], 2, 'USAGE')
  })

  it('refuses an empty --cache: it is a variable that was not set, and not the current folder', async () => {
    const cwd = await tempDir()
    for (const verb of ['ls', 'clean']) {
      const { exitCode, stderr } = await hearth([verb, '--cache', ''], { cwd })
      assert.equal(exitCode, 2)
      assert.match(stderr, /^hearth: OPTION_INVALID: /)
    }
    assert.deepEqual(await readdir(cwd), [])
  })

  it('refuses an empty name of what is to be written, and a folder on standard output', async () => {
    const cwd = await tempDir()
    for (const argv of [
      ['copy', name, '--to', ''],
      ['export', name, '-o', ''],
      ['export', name, '-o', '', '--format', 'oci-dir'],
      ['export', name, '-o', '-', '--format', 'oci-dir'],
    ]) {
      const { exitCode, stdout, stderr } = await hearth([...argv, '--cache', original], { cwd })
      assert.deepEqual([exitCode, stdout], [2, ''], argv.join(' '))
      assert.match(stderr, /^hearth: OPTION_INVALID: .*(?:empty|folder)/)
    }
    assert.deepEqual(await readdir(cwd), [])
  })

  it('makes no cache where there is none, except to pull into it', async () => {
    const cache = join(await tempDir(), 'mistyped')
    assert.equal((await hearthOk(['ls', '--json', '--cache', cache])).replace(/\s/g, ''), '{"references":[]}')
    assert.match(await hearthOk(['clean', '--cache', cache]), /^0 references and 0 blobs removed/)
    await assertFails(['rm', name, '--cache', cache], 3, 'REFERENCE_UNKNOWN')
    await assertFails(['inspect', name, '--cache', cache], 3, 'REFERENCE_UNKNOWN')
    await assertFails(['verify', '--cache', cache], 3, 'CACHE_MISSING')
    assert.equal(existsSync(cache), false)
  })

  it('refuses a cache that is a file', async () => {
    const file = join(await tempDir(), 'file')
    await writeFile(file, '')
    for (const path of [file, join(file, 'below')]) {
      for (const verb of [['ls'], ['pull', name], ['clean']]) {
        await assertFails([...verb, '--cache', path], 8, 'STORE_FAILED')
      }
    }
  })

  it('refuses a cache in a file system where no folder can be made', { skip: !existsSync('/proc') }, async () => {
    await assertFails(['pull', name, '--cache', '/proc/hearth/cache'], 8, 'STORE_FAILED')
  })

  it('names what is wrong with a reference, a platform or a registry', async () => {
    const pull = (...words: string[]) => ['pull', '--retries', '0', '--cache', original, ...words]
    await assertFails(pull('Not_A_Reference'), 2, 'REFERENCE_INVALID')
    await assertFails(pull(`docker://${name}`), 2, 'REFERENCE_INVALID')
    await assertFails(pull(name, '--platform', 'a/b/c/d'), 2, 'PLATFORM_INVALID')
    await assertFails(pull(name, '--platform', 'linux/s390x'), 3, 'PLATFORM_UNKNOWN')
    await assertFails(pull(`${registry.host}/library/app:none`), 3, 'MANIFEST_UNKNOWN')
    await assertFails(pull(`${registry.host}/none:1`), 3, 'NAME_UNKNOWN')
    await assertFails(pull(`${NOBODY_LISTENS}/library/app:1`), 5, 'CONNECTION_FAILED')
    assert.deepEqual([...(await namesIn(original)).keys()], [name, `${name}-amd64`])
  })
})

describe('hearth on a cache that an accident has hit', () => {
  it('stops at an index.json that is not to be read, leaves it alone, and says how to go on', async () => {
    const cache = await aCopy()
    await writeFile(join(cache, INDEX_FILE), '{"schemaVersion')
    for (const words of [['ls'], ['pull', name], ['rm', name], ['clean']]) {
      await assertFails([...words, '--cache', cache], 4, 'LAYOUT_INVALID')
    }
    assert.match((await hearth(['pull', name, '--cache', cache])).stderr, /remove it/)
    assert.equal(await readFile(join(cache, INDEX_FILE), 'utf8'), '{"schemaVersion')
    assert.match(await hearthOk(['log', '--cache', cache]), /ReferenceSet/)
    await rm(join(cache, INDEX_FILE))
    await hearthOk(['pull', '--pull', 'never', name, ...AMD64, '--cache', cache])
    assert.deepEqual(await namesIn(cache), await namesIn(original))
  })

  it('starts anew from index.json and the blobs when .hearth/ is gone', async () => {
    const cache = await aCopy()
    await rm(join(cache, HEARTH_FOLDER), { recursive: true })
    registry.requests.length = 0
    await hearthOk(['pull', name, ...AMD64, '--cache', cache])
    assert.deepEqual(registry.requests, [])
    assert.deepEqual(await namesIn(cache), await namesIn(original))
    await hearthOk(['verify', '--cache', cache])
  })

  it('does not take a log that is gone for an empty one; the way out that it names works', async () => {
    const cache = await aCopy()
    await rm(join(cache, LOG_FOLDER), { recursive: true })
    for (const words of [['pull', name], ['rm', name], ['clean'], ['log']]) {
      await assertFails([...words, '--cache', cache], 6, 'LOG_CORRUPT')
    }
    assert.match((await hearth(['log', '--cache', cache])).stderr, /hearth verify --rebuild/)
    assert.ok((await hearthOk(['ls', '--cache', cache])).includes(name))
    assert.deepEqual(await soundBlobs(cache), digestsOf(image, ['linux/amd64']))
    await hearth(['verify', '--rebuild', '--cache', cache])
    await hearthOk(['pull', '--pull', 'never', name, ...AMD64, '--cache', cache])
    await hearthOk(['verify', '--cache', cache])
  })

  it('touches no layout of another version', async () => {
    const cache = await tempDir()
    await writeFile(join(cache, OCI_LAYOUT_FILE), '{"imageLayoutVersion":"9.0.0"}')
    await assertFails(['pull', name, '--cache', cache], 4, 'LAYOUT_INVALID')
    assert.deepEqual(await readdir(cache), [OCI_LAYOUT_FILE])
  })

  it('leaves alone what is not its own', async () => {
    const cache = await aCopy()
    await mkdir(join(cache, 'notes'))
    await writeFile(join(cache, 'notes', 'text'), 'mine')
    await hearthOk(['clean', '--cache', cache])
    assert.equal(await readFile(join(cache, 'notes', 'text'), 'utf8'), 'mine')
    assert.deepEqual(await soundBlobs(cache), new Set())
  })
})

describe('hearth clean and partial downloads', () => {
  const MIB = 1024 * 1024

  it('takes one that nobody goes on with, and leaves one that a running pull writes', async () => {
    const cache = await tempDir()
    const big = await anImage({ seed: 'big', layers: [{ bytes: 12 * MIB }] })
    const layer: Digest = big.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    const pull = ['pull', registry.add(big, 'library/big', '1.0'), ...AMD64, '--cache', cache]
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    registry.always({ kind: 'blob', digest: layer }, stallAfter(10 * MIB, released))
    const first = startHearth(pull)
    await until(async () => ((await ingestedBytes(cache, layer)) ?? 0) >= 10 * MIB)
    await hearthOk(['clean', '--cache', cache])
    assert.equal(await ingestedBytes(cache, layer), 10 * MIB, 'a running pull writes it')
    first.child.kill('SIGKILL')
    await first.ended
    const { freedBytes } = JSON.parse(await hearthOk(['clean', '--json', '--cache', cache]))
    assert.equal(await ingestedBytes(cache, layer), undefined)
    assert.ok(freedBytes >= 10 * MIB)
    release()
    await hearthOk(pull)
    assert.deepEqual(await soundBlobs(cache), digestsOf(big))
  })
})
