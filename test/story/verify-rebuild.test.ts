/** A cache whose log is damaged, and the new one that is made of what is left. */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type Cache, isHearthError, openCache, type VerifyOptions, type VerifyReport } from '../../src/index.js'
import { acquireLock } from '../../src/lock/fs-lock.js'
import { recordKey } from '../../src/log/level-format.js'
import {
  DAMAGED_FOLDER,
  FORMAT_FILE,
  INDEX_FILE,
  LOG_FOLDER,
  LOG_LOCK,
  MATERIALISED_FILE,
  QUARANTINE_FOLDER,
} from '../../src/oci/image-layout.js'
import { withDatabase, withLevelLog } from '../support/a-level-log.js'
import { readAll } from '../support/a-log.js'
import { anImage } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { hearth } from '../support/hearth.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const LINUX = { platforms: ['linux/amd64'] }

/** Loaded into a process, kills it right after the first rename to where a damaged log is kept. */
const KILLED_ASIDE = `
  import { promises } from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const { rename } = promises
  promises.rename = async (from, to) => {
    await rename(from, to)
    if (to.includes(${JSON.stringify(DAMAGED_FOLDER)})) process.kill(process.pid, 'SIGKILL')
  }
  syncBuiltinESMExports()
`

describe('hearth verify --rebuild', () => {
  let registry: RawRegistry
  let names: readonly string[]
  let pulled: string
  let cache: string

  before(async () => {
    registry = await startRawRegistry()
    const layers = [{ seed: 'base' }, {}]
    const images = await Promise.all(
      ['a', 'b'].map((seed) => anImage({ seed, platforms: ['linux/amd64', 'linux/arm64'], layers })),
    )
    names = images.map((image, at) => registry.add(image, `library/${at}`, '1.0'))
    pulled = await tempDir()
    await pull([names[0]], pulled)
  })
  after(() => registry.close())
  beforeEach(async () => {
    cache = await tempDir()
    await cp(pulled, cache, { recursive: true, preserveTimestamps: true })
  })

  const withCache = async <T>(work: (opened: Cache) => Promise<T>, path = cache): Promise<T> => {
    const opened = await openCache({ path, lockTimeoutMs: 5000 })
    try {
      return await work(opened)
    } finally {
      await opened.close()
    }
  }
  const pull = async (references: readonly (string | undefined)[], path = cache) => {
    const { results } = await withCache((opened) => opened.pull(references.map(String), LINUX), path)
    assert.deepEqual(
      results.filter(({ ok }) => !ok),
      [],
    )
  }
  const list = () => withCache((opened) => opened.list())
  const verify = (options: VerifyOptions = {}) => withCache((opened) => opened.verify(options))
  const rebuild = () => verify({ rebuild: true })
  /** What of the problems is still there. */
  const left = ({ problems }: VerifyReport) => problems.filter(({ repair }) => !repair?.done)
  const log = (name = '') => join(cache, LOG_FOLDER, name)
  const logFile = async (pattern: RegExp) =>
    log((await readdir(log())).find((name) => pattern.test(name)) ?? assert.fail(`no ${pattern}`))

  const damages: readonly [string, () => Promise<void>][] = [
    ['that lost its CURRENT file', () => rm(log('CURRENT'))],
    ['that is gone as a whole', () => rm(log(), { recursive: true })],
    ['whose manifest is noise', async () => writeFile(await logFile(/^MANIFEST/), 'noise'.repeat(100))],
    [
      'with a changed record in the middle',
      () =>
        withDatabase(cache, async (database) => {
          const key = recordKey(2)
          await database.put(key, (await database.get(key)).replace('"durable":true', '"durable":null'))
        }),
    ],
  ]
  for (const [what, damage] of damages) {
    it(`makes a new log in place of one ${what}, with every reference`, async () => {
      const index = await namesIn(cache)
      const before = await list()
      await damage()
      assert.match((await verify()).problems[0]?.failure.message ?? '', /hearth verify --rebuild/)
      const report = await rebuild()
      assert.ok(report.problems.every(({ kind, repair }) => kind === 'log' && repair?.done))
      assert.equal(report.rebuilt?.references, 1)
      assert.deepEqual((await verify()).problems, [])
      assert.deepEqual(await list(), before)
      assert.deepEqual(await namesIn(cache), index, 'the names of single platforms too')
      const asked = registry.requests.length
      await pull([names[0]])
      assert.equal(registry.requests.length, asked)
    })
  }

  it('keeps the damaged log aside, as it was', async () => {
    const table = await logFile(/\.log$/)
    const bytes = await readFile(table)
    await rm(log('CURRENT'))
    const { rebuilt } = await rebuild()
    const kept = join(rebuilt?.keptAside ?? assert.fail(), 'log', table.slice(log().length))
    assert.deepEqual(await readFile(kept), bytes)
  })

  it('keeps the references of an index.json that is ahead of the log', async () => {
    const old = await tempDir()
    await cp(log(), old, { recursive: true })
    await pull([names[1]])
    const before = await list()
    await rm(log(), { recursive: true })
    await cp(old, log(), { recursive: true })
    await assert.rejects(pull([names[0]]), (error) => isHearthError(error, 'LOG_CORRUPT'))
    assert.deepEqual(left(await rebuild()), [])
    assert.deepEqual(await list(), before)
    await pull(names)
  })

  it('takes what it last wrote where index.json is broken too, and keeps the broken one', async () => {
    const before = await list()
    await rm(log('CURRENT'))
    await writeFile(join(cache, INDEX_FILE), '{"schemaVersion":2,')
    const report = await rebuild()
    assert.deepEqual(left(report), [])
    assert.deepEqual(await list(), before)
    const [kept] = (await readdir(join(cache, QUARANTINE_FOLDER))).filter((name) => name.startsWith(INDEX_FILE))
    assert.equal(await readFile(join(cache, QUARANTINE_FOLDER, kept ?? ''), 'utf8'), '{"schemaVersion":2,')
  })

  it('does not vouch for a damaged blob, and leaves no image without its reference', async () => {
    const [blob] = [...(await soundBlobs(cache))].sort()
    const path = join(cache, 'blobs', (blob ?? '').replace(':', '/'))
    await rm(path)
    await writeFile(path, 'rot')
    const before = await list()
    await rm(log('CURRENT'))
    assert.deepEqual([...new Set(left(await rebuild()).map(({ kind }) => kind))], ['blob', 'reference'])
    assert.deepEqual(await list(), before)
    await pull([names[0]])
    await soundBlobs(cache)
    assert.deepEqual((await verify()).problems, [])
  })

  it('keeps pins', async () => {
    await withLevelLog(cache, (opened) =>
      opened.hold((held) => held.append([{ type: 'ReferencePinned', reference: names[0] ?? '' }])),
    )
    await pull([names[1]])
    await rm(log('CURRENT'))
    await rebuild()
    const pinned = await withLevelLog(cache, (opened) => opened.hold((held) => held.pins()))
    assert.deepEqual([...pinned.keys()], [names[0]])
  })

  it('leaves a sound log and its history alone', async () => {
    const history = () => withLevelLog(cache, (opened) => readAll(opened.read(0)))
    const before = await history()
    const { problems, rebuilt } = await rebuild()
    assert.deepEqual([problems, rebuilt, await history()], [[], undefined, before])
  })

  it('lets handles that are open go on with the new log', async () => {
    await withCache(async (opened) => {
      await opened.remove(['nothing'])
      // Whoever has the lock knows that the session which lingers has ended; the handle stays open.
      const lock = await acquireLock(join(cache, LOG_LOCK), { timeoutMs: 10_000, busy: () => assert.fail() })
      await rm(log('CURRENT'))
      await lock.release()
      assert.deepEqual(left(await opened.verify({ rebuild: true })), [])
      const { results } = await opened.pull(names.map(String), LINUX)
      assert.deepEqual(
        results.flatMap((result) => (result.ok ? [] : [result.failure])),
        [],
      )
    })
  })

  it('goes on where it was killed between putting the old log aside and the new one in place', async () => {
    const before = await list()
    await rename(log(), join(await tempDir(), 'aside'))
    await rm(join(cache, MATERIALISED_FILE))
    assert.deepEqual(left(await rebuild()), [])
    assert.deepEqual(await list(), before)
  })

  for (const [what, damage] of Object.entries({
    broken: (path: string) => writeFile(path, '{"schemaVersion":2,'),
    missing: (path: string) => rm(path),
  })) {
    it(`keeps the names where index.json is ${what}, too, when it is killed as soon as it puts something aside`, async () => {
      const before = await list()
      await rm(log('CURRENT'))
      await damage(join(cache, INDEX_FILE))
      const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(KILLED_ASIDE)}` }
      const { exitCode } = await hearth(['verify', '--rebuild', '--cache', cache], { env })
      assert.equal(exitCode, null)
      assert.deepEqual((await readdir(join(cache, DAMAGED_FOLDER))).length, 1)
      assert.deepEqual(left(await rebuild()), [])
      assert.deepEqual(await list(), before)
    })
  }

  it('refuses a cache of a newer hearth, which is not damaged', async () => {
    await writeFile(join(cache, FORMAT_FILE), JSON.stringify({ version: 99, id: 'x' }))
    const { ino } = await stat(log())
    await assert.rejects(rebuild(), (error) => isHearthError(error, 'FORMAT_UNSUPPORTED'))
    assert.equal((await stat(log())).ino, ino)
  })

  it('is a command, and its exit code says that all is repaired', async () => {
    await rm(log('CURRENT'))
    const command = (...options: readonly string[]) => hearth(['verify', ...options, '--cache', cache])
    assert.equal((await command()).exitCode, 4)
    const { exitCode, stdout, stderr } = await command('--rebuild')
    assert.equal(exitCode, 10)
    assert.match(stdout, /^log .* repaired: a new log was made/m)
    assert.match(stderr, /VERIFY_REPAIRED: found 1 problem, 1 repaired/)
    assert.equal((await command()).exitCode, 0)
  })
})
