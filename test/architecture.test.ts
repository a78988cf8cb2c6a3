import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { describe, it } from 'node:test'

const PORTS = ['errors', 'oci', 'log', 'blobs', 'registry', 'pool']
/**
 * Part to the parts it may import besides itself; `type x` allows type-only imports. A part is a folder or a file right
 * below src/, or `workers`. One that is missing here fails: decide, then write it down.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  transport: [],
  version: [],
  host: [],
  lazy: [],
  calls: ['errors'],
  oci: ['errors'],
  lock: ['errors'],
  log: ['errors', 'oci', 'lock'],
  blobs: ['errors', 'oci', 'lock'],
  registry: ['errors', 'oci', 'transport', 'version'],
  pool: ['errors', 'oci', 'transport'],
  options: ['errors', 'oci', 'type pool'],
  materialise: ['errors', 'oci', 'lock', 'log', 'blobs'],
  pull: [...PORTS, 'materialise', 'options'],
  inventory: [...PORTS, 'materialise', 'options'],
  history: ['errors', 'oci', 'log', 'pull', 'inventory'],
  warm: ['errors', 'oci', 'host', 'blobs', 'materialise', 'options', 'pull', 'inventory'],
  exchange: ['errors', 'oci', 'host', 'log', 'blobs', 'registry', 'materialise', 'pull', 'inventory'],
  'call-options': ['oci', 'log', 'options', 'pull', 'inventory', 'history', 'warm', 'exchange'],
  api: ['errors', 'oci', 'log', 'call-options', 'pull', 'inventory', 'history', 'warm', 'exchange'],
  cache: [
    ...PORTS,
    'lock',
    'transport',
    'host',
    'lazy',
    'calls',
    'materialise',
    'options',
    'pull',
    'inventory',
    'history',
    'warm',
    'exchange',
    'api',
    'call-options',
  ],
  index: [
    'errors',
    'oci',
    'log',
    'options',
    'pull',
    'inventory',
    'history',
    'warm',
    'exchange',
    'api',
    'call-options',
    'cache',
  ],
  commands: ['index', 'oci', 'errors'],
  cli: ['commands', 'index', 'options', 'errors', 'oci', 'version'],
  workers: ['errors', 'oci', 'transport', 'pool', 'blobs', 'registry'],
}
/** The files that do I/O. Besides cache.ts and cache/ only they may name one another, not even for a type. */
const ADAPTER = /^(workers\/|src\/cli\.ts$|src\/(?:[\w-]+\/)+(?:fs|http|level|os|piscina|memory|inline)-)/
/** The same tasks on the calling thread: the one file that imports what a thread would load. */
const INLINE = /^src\/pool\/inline-/
/** Package to the files that may import it. One without a row fails, and so does `fs` for `node:fs`. */
const ONLY_HERE: Readonly<Record<string, RegExp>> = {
  'node:': ADAPTER,
  // setMaxListeners: computation, like crypto.
  'node:events': /^src\/(?:pull\/abortable|calls)\.ts$|^src\/log\/level-/,
  'node:crypto': /^src\/oci\/hasher\.ts$/,
  // Computation as well.
  fzstd: /^src\/exchange\/zstd\.ts$/,
  'node:zlib': /^src\/exchange\/|^src\/log\/level-/,
  'hash-wasm': /^src\/oci\/hasher\.ts$/,
  rxjs: /^src\/pull\//,
  level: /^src\/log\/level-/,
  'fs-native-extensions': /^src\/(?:[\w-]+\/)+fs-(?:[\w-]+-)?(?:lock|claim|lease)s?\b/,
  piscina: /^src\/pool\/piscina-pool\.ts$/,
  yaml: /^src\/warm\/yaml-documents\.ts$/,
  undici: /^src\/registry\/http-/,
  commander: /^src\/(?:cli\.ts$|commands\/)/,
  '@commander-js/extra-typings': /^src\/(?:cli\.ts$|commands\/)/,
}

interface Import {
  readonly name: string
  /** Erased by the compiler as a whole. */
  readonly typeOnly: boolean
}

/** Every import of the source: static, re-exported, for its effect, dynamic, and the type `import('x')`. */
function importsOf(commented: string): readonly Import[] {
  // Comments may speak of import(): whole lines of them are left out. What follows code on a line stays.
  const source = commented.replace(/^\s*(?:\/\/.*|\*.*|\/\*.*\*\/\s*|\/\*(?!.*\*\/).*)$/gm, '')
  const found: Import[] = []
  for (const [, type, name = ''] of source.matchAll(
    /^\s*(?:import|export)\s+(type\s)?[^'"`;]*?\bfrom\s*['"]([^'"]*)/gm,
  )) {
    found.push({ name, typeOnly: type !== undefined })
  }
  for (const [, name = ''] of source.matchAll(/^\s*import\s*['"]([^'"]*)/gm)) found.push({ name, typeOnly: false })
  for (const [, name = ''] of source.matchAll(/(?<![.\w])(?:import|require)\(\s*(?:\/\*.*?\*\/\s*)?([^)]*)/g)) {
    // A method that is called so has parameters with types.
    if (/^\w+\??:/.test(name)) continue
    found.push({ name: /^(['"])([^'"]*)\1\s*,?\s*$/.exec(name)?.[2] ?? urlOf(name, source), typeOnly: false })
  }
  return found
}

/**
 * The path behind `const X = new URL('path', import.meta.url)`. Any other computed name could be anything: it is kept as
 * it stands, and no rule allows it.
 */
function urlOf(constant: string, source: string): string {
  const urls = source.matchAll(/\bconst (\w+) = new URL\('([^']*)', import\.meta\.url\)/g)
  return [...urls].find(([, name]) => name === constant.trim())?.[2] ?? constant
}

/** What is wrong with the imports of a file; empty when nothing is. Pure: `file` is relative to the repository. */
function violations(file: string, source: string): readonly string[] {
  return importsOf(source).flatMap((imported) => {
    const broken = imported.name.startsWith('.') ? brokenArrow(file, imported) : brokenPackage(file, imported)
    return broken === undefined ? [] : [broken]
  })
}

function brokenArrow(file: string, { name, typeOnly }: Import): string | undefined {
  const [from, target] = [partOf(file), posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts')]
  const to = partOf(target)
  const arrows = ARROWS[from]
  if (arrows === undefined) return `${from} has no row in the table`
  const inline = INLINE.test(file) && to === 'workers'
  if (from !== to && !inline && !arrows.includes(to) && !(typeOnly && arrows.includes(`type ${to}`))) {
    return `${from} may not import ${to} (${name})`
  }
  return from === 'cache' || ADAPTER.test(file) || !ADAPTER.test(target) ? undefined : `may not name adapter ${name}`
}

function brokenPackage(file: string, { name }: Import): string | undefined {
  const packageName = name.startsWith('@') ? name.split('/', 2).join('/') : name.replace(/\/.*/, '')
  const home = ONLY_HERE[name] ?? ONLY_HERE[packageName] ?? (name.startsWith('node:') ? ONLY_HERE['node:'] : undefined)
  return home?.test(file) ? undefined : `may not import ${name}`
}

/** `src/oci/digest.ts` and `src/oci/x/y.ts` are oci, `src/cache.ts` is cache, `workers/x.ts` is workers. */
function partOf(path: string): string {
  return path.replace(/^src\//, '').replace(/[/.].*$/, '')
}

describe('the import table', async () => {
  const root = new URL('../../', import.meta.url)
  const folders = await Promise.all(
    ['src', 'workers'].map(async (folder) => {
      const names = await readdir(new URL(`${folder}/`, root), { recursive: true }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      })
      return names.map((name) => posix.join(folder, name))
    }),
  )
  // packaging/ is a program of the build: nothing imports it, and nothing of it is shipped.
  const files = folders.flat().filter((name) => name.endsWith('.ts') && !name.startsWith('src/packaging/'))

  it('sees the sources', () => {
    assert.ok(files.includes('src/oci/digest.ts') && files.length > 20, String(files.length))
  })

  for (const file of files.sort()) {
    it(`holds in ${file}`, async () => {
      assert.deepEqual(violations(file, await readFile(new URL(file, root), 'utf8')), [])
    })
  }
})

describe('the import table, broken', () => {
  const FORBIDDEN: readonly (readonly [string, string])[] = [
    // Upwards, sideways and out of the tree.
    ['src/oci/digest.ts', `import { decide } from '../log/decide.js'`],
    ['src/errors.ts', `import { isDigest } from './oci/digest.js'`],
    ['src/transport.ts', `import type { Failure } from './errors.js'`],
    ['src/log/decide.ts', `import { stat } from '../blobs/blob-store.js'`],
    ['src/log/events.ts', `import type { TransportOptions } from '../transport.js'`],
    ['src/registry/registry.ts', `import type { Pool } from '../pool/pool.js'`],
    ['src/pool/pool.ts', `export type { Registry } from '../registry/registry.js'`],
    ['src/options.ts', `import { createControl } from './pool/task-control.js'`],
    ['src/options.ts', `import { type Durability } from './pool/tasks.js'`],
    ['src/materialise/image-index.ts', `import { plan } from '../pull/plan.js'`],
    ['src/pull/pull.ts', `import { list } from '../inventory/list.js'`],
    ['src/inventory/list.ts', `import { openCache } from '../cache.js'`],
    ['src/cache.ts', `import { pullCommand } from './commands/pull.js'`],
    ['src/cache.ts', `export const fetch = () => import('../workers/fetch-blob.js')`],
    ['src/commands/pull.ts', `import { openCache } from '../cache.js'`],
    ['src/commands/pull.ts', `import { run } from '../cli.js'`],
    ['src/pull/pull.ts', `import { tempDir } from '../../test/support/temp-dir.js'`],
    ['src/new-part/x.ts', `import { HearthError } from '../errors.js'`],
    ['workers/fetch-blob.ts', `import { pull } from '../src/pull/pull.js'`],
    // Adapters.
    ['src/pull/pull.ts', `import { FsBlobStore } from '../blobs/fs-blob-store.js'`],
    ['src/pull/pull.ts', `import type { FsBlobStore } from '../blobs/fs-blob-store.js'`],
    ['src/log/projection.ts', `import { acquireLock } from '../lock/fs-lock.js'`],
    ['src/blobs/checkpoint.ts', `import type { FsIngest } from './fs-ingest.js'`],
    ['src/index.ts', `export { MemoryEventLog } from './log/memory-event-log.js'`],
    ['src/registry/mirrors.ts', `const client = await import('./http-client.js')`],
    ['src/pool/piscina-pool.ts', `import fetchBlob from '../../workers/fetch-blob.js'`],
    // Packages.
    ['src/oci/digest.ts', `import 'level'`],
    ['src/log/level-event-log.ts', `import { interval } from 'rxjs'`],
    ['src/cache.ts', `import { map } from 'rxjs/operators'`],
    ['src/blobs/fs-ingest.ts', `import { createHash } from 'node:crypto'`],
    ['src/pull/plan.ts', `import type { Stats } from 'node:fs'`],
    ['src/pull/plan.ts', `import { readFile } from 'node:fs/promises'`],
    ['src/blobs/fs-ingest.ts', `import { readFile } from 'fs'`],
    ['src/log/level-event-log.ts', `import { tryLock } from 'fs-native-extensions'`],
    ['src/log/lock.ts', `import { tryLock } from 'fs-native-extensions'`],
    ['workers/fetch-blob.ts', `import { request } from 'undici'`],
    ['src/pool/piscina-options.ts', `import { Piscina } from 'piscina'`],
    ['src/blobs/checkpoint.ts', `import { blake3 } from 'hash-wasm'`],
    ['src/index.ts', `import { Command } from 'commander'`],
    ['src/options.ts', `import { Command } from '@commander-js/extra-typings'`],
    ['src/oci/manifest.ts', `import { z } from 'zod'`],
    // However they are written.
    ['src/oci/digest.ts', `import {\n  one,\n  two,\n} from 'level'`],
    ['src/oci/digest.ts', `import * as level from "level"`],
    ['src/oci/digest.ts', `import level, { type Level } from 'level'`],
    ['src/oci/digest.ts', `export * from 'level'`],
    ['src/oci/digest.ts', `if (true) {\n  await import(\n    'level'\n  )\n}`],
    ['src/oci/digest.ts', `const x: import('level').Level = y`],
    ['src/oci/digest.ts', `const { Level } = require('level')`],
    ['src/oci/digest.ts', 'const name = "level"; await import(name)'],
    ['src/oci/digest.ts', 'await import(`level`)'],
    ['src/pool/task-calls.ts', `const X = new URL('../../workers/x.js', import.meta.url).href\nawait import(X)`],
    ['src/oci/digest.ts', `import { HearthError } from '../errors.js'\nimport 'level'`],
    ['src/oci/digest.ts', `/**\n * Documented.\n */\nimport 'level' // why`],
  ]
  for (const [file, source] of FORBIDDEN) {
    it(`says so: ${file} with ${JSON.stringify(source)}`, () => {
      assert.equal(violations(file, source).length, 1)
    })
  }

  const ALLOWED: readonly (readonly [string, string])[] = [
    ['src/oci/digest.ts', `import { HearthError } from '../errors.js'\nimport { quote } from './quote.js'`],
    ['src/oci/hasher.ts', `import { createHash } from 'node:crypto'\nawait import('hash-wasm')`],
    ['src/options.ts', `import type { Durability } from './pool/tasks.js'`],
    ['src/pool/inline-pool.ts', `import fetchBlob from '../../workers/fetch-blob.js'`],
    ['src/pool/inline-pool.ts', `const X = new URL('../../workers/x.js', import.meta.url).href\nawait import(X)`],
    ['src/log/fs-log-lock.ts', `import { acquireLock } from '../lock/fs-lock.js'`],
    ['src/pool/piscina-pool.ts', `const worker = new URL('../../workers/fetch-blob.js', import.meta.url)`],
    ['src/cache.ts', `const { LevelEventLog } = await import('./log/level-event-log.js')`],
    [
      'src/blobs/fs-claims.ts',
      `import { tryLock } from 'fs-native-extensions'\nimport { open } from 'node:fs/promises'`,
    ],
    ['src/log/fs-lock.ts', `import { tryLock } from 'fs-native-extensions'`],
    ['src/materialise/fs-index-lock.ts', `import { tryLock } from 'fs-native-extensions'`],
    ['src/pull/fetch.ts', `import { map } from 'rxjs/operators'`],
    ['src/cli.ts', `import { Command } from '@commander-js/extra-typings'\nimport { argv } from 'node:process'`],
    ['workers/fetch-blob.ts', `import { dispatcher } from '../src/registry/http-dispatcher.js'`],
    ['src/oci/digest.ts', `/** Not an import from 'level'. */\nconst from = 'level'`],
    ['src/oci/digest.ts', `/**\n * Unlike import('level').\n */\n// nor import 'level'\n/* import('level') */\n`],
    ['src/oci/digest.ts', `await archive.import(path)`],
    ['src/api.ts', `  import(sources: string, options?: ImportOptions): Promise<void>`],
  ]
  for (const [file, source] of ALLOWED) {
    it(`stays silent: ${file} with ${JSON.stringify(source)}`, () => {
      assert.deepEqual(violations(file, source), [])
    })
  }
})
