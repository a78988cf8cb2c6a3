import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rename, rm, rmdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isHearthError } from '../../src/errors.js'
import { acquireLock } from '../../src/lock/fs-lock.js'
import type { EventLog } from '../../src/log/event-log.js'
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { HIGHEST_KEY, LOWEST_KEY, recordKey, sealValue, tableKey } from '../../src/log/level-format.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { LOG_FOLDER, LOG_LOCK } from '../../src/oci/image-layout.js'
import { aLogFolder, PATIENT, withDatabase, withLevelLog } from '../support/a-level-log.js'
import { aDigest, blobCommitted, readAll, referenceSet } from '../support/a-log.js'

describe('a damaged log', () => {
  it('is noticed when a byte of a recent record changed', async () => {
    const root = await aLogOf(5)
    await withDatabase(root, async (database) => {
      const stored = await database.get(recordKey(3))
      await database.put(recordKey(3), stored.replace('BlobCommitted', 'BlobDommitted'))
    })
    await assertCorrupt(root, (log) => log.append([blobCommitted('a')], 5))
  })

  it('is noticed when a recent record is missing', async () => {
    for (const position of [1, 3, 5]) {
      const root = await aLogOf(5)
      await withDatabase(root, (database) => database.del(recordKey(position)))
      await assertCorrupt(root, (log) => log.append([blobCommitted('a')], 5))
    }
  })

  it('is noticed when records are left behind the head', async () => {
    const root = await aLogOf(2)
    const heads = await withDatabase(root, (database) => database.getMany([LOWEST_KEY, HIGHEST_KEY]))
    await withLevelLog(root, (log) => log.append([blobCommitted('more')], 2))
    await withDatabase(root, async (database) => {
      await database.put(LOWEST_KEY, heads[0] ?? '')
      await database.put(HIGHEST_KEY, heads[1] ?? '')
    })
    await assertCorrupt(root, (log) => log.append([blobCommitted('a')], 2))
  })

  it('is noticed by reading when the damage lies further back', async () => {
    for (const damage of ['remove', 'change']) {
      const root = await aLogOf(1500)
      await withDatabase(root, async (database) => {
        if (damage === 'remove') await database.del(recordKey(7))
        else await database.put(recordKey(7), await database.get(recordKey(8)))
      })
      await assertCorrupt(root, (log) => readAll(log.read(0)))
      await assertCorrupt(root, (log) => readAll(log.read(7)))
    }
  })

  it('is noticed when a head is lost, or the two differ', async () => {
    for (const key of [LOWEST_KEY, HIGHEST_KEY]) {
      const lost = await aLogOf(2)
      await withDatabase(lost, (database) => database.del(key))
      await assertCorrupt(lost, (log) => log.hold(async () => {}))
      const changed = await aLogOf(2)
      await withDatabase(changed, async (database) => {
        await database.put(key, (await database.get(key)).replace('"version"', '"Version"'))
      })
      await assertCorrupt(changed, (log) => log.hold(async () => {}))
    }
  })

  it('is noticed when an entry of the projection is lost, changed, stale or foreign', async () => {
    const key = tableKey('references', 'app:1')
    const stale = await aLogOf(1)
    await withLevelLog(stale, (log) => log.append([referenceSet('app:1'), referenceSet('app:2')], 1))
    const old = await withDatabase(stale, (database) => database.get(key))
    await withLevelLog(stale, (log) => log.append([referenceSet('app:1', { platforms: [] })], 3))
    const damages: ((key: string) => Parameters<typeof withDatabase<void>>[1])[] = [
      (key) => (database) => database.del(key),
      (key) => async (database) => database.put(key, (await database.get(key)).replace('pulled', 'stolen')),
      (key) => (database) => database.put(key, old),
      () => (database) => database.put(tableKey('references', 'new'), sealValue(tableKey('references', 'new'), {})),
    ]
    for (const damage of damages) {
      const root = await copyOf(stale)
      await withDatabase(root, damage(key))
      await assertCorrupt(root, (log) => log.hold((held) => held.references()))
    }
  })

  it('is noticed when a single blob is asked for and its entry changed', async () => {
    const root = await aLogOf(1)
    const key = tableKey('blobs', aDigest('blob 0'))
    await withDatabase(root, async (database) => database.put(key, (await database.get(key)).replace('true', 'null')))
    await assertCorrupt(root, (log) => log.hold((held) => held.blobs([aDigest('blob 0')])))
  })

  it('is noticed when LevelDB skips a damaged block of its write-ahead log', async () => {
    const root = await aLogFolder()
    await withLevelLog(root, (log) =>
      log.hold(async (held) => {
        for (let n = 0; n < 100; n++) {
          await held.append([blobCommitted(`blob ${n}`, { mediaType: 'x'.repeat(1000) })])
        }
      }),
    )
    const path = await writeAheadLog(root)
    const bytes = await readFile(path)
    bytes[20_000] = (bytes[20_000] ?? 0) ^ 1
    await writeFile(path, bytes)
    await assertCorrupt(root, (log) => log.hold(async () => {}))
  })

  it('goes on from what is whole when its tail is torn', async () => {
    const root = await aLogOf(3)
    const records = await withLevelLog(root, async (log) => {
      await log.append([blobCommitted('a')], 3)
      const whole = await readAll(log.read(0))
      await log.append([blobCommitted('torn')], 4)
      return whole
    })
    const path = await writeAheadLog(root)
    await truncate(path, (await readFile(path)).length - 7)
    await withLevelLog(root, async (log) => {
      assert.deepEqual(await readAll(log.read(0)), records)
      assert.equal((await log.append([blobCommitted('b')], 4)).length, 1)
    })
  })

  it('is noticed when it is older than what this process has seen', async () => {
    const root = await aLogOf(2)
    const copy = await copyOf(root)
    const log = await LevelEventLog.open(root, PATIENT)
    await log.append([blobCommitted('later')], 2)
    // Has the lock only once the session that lingers has ended; the handle stays open.
    const lock = await acquireLock(join(root, LOG_LOCK), { timeoutMs: 10_000, busy: () => assert.fail() })
    await rm(join(root, LOG_FOLDER), { recursive: true })
    await cp(join(copy, LOG_FOLDER), join(root, LOG_FOLDER), { recursive: true })
    await lock.release()
    await assert.rejects(log.append([blobCommitted('a')], 2), (error) => isHearthError(error, 'LOG_CORRUPT'))
    await log.close()
  })

  it('is never replaced by an empty one', async () => {
    const root = await aLogOf(3)
    await rename(join(root, LOG_FOLDER, 'CURRENT'), join(root, 'CURRENT'))
    const before = await readdir(join(root, LOG_FOLDER))
    await assertCorrupt(root, (log) => log.append([blobCommitted('a')], 0))
    await assert.rejects(LevelEventLog.init(root, PATIENT), (error) => isHearthError(error, 'LOG_CORRUPT'))
    assert.deepEqual(await readdir(join(root, LOG_FOLDER)), before)
    await rename(join(root, 'CURRENT'), join(root, LOG_FOLDER, 'CURRENT'))
    assert.equal((await withLevelLog(root, (log) => readAll(log.read(0)))).length, 3)
  })

  it('is not lost when its write-ahead log cannot be read for a moment', async () => {
    const root = await aLogOf(2)
    await withLevelLog(root, (log) => log.append([blobCommitted('acknowledged')], 2))
    const path = await writeAheadLog(root)
    await rename(path, `${path}.aside`)
    // LevelDB opens it, and its first read fails.
    await mkdir(path)
    await withLevelLog(root, (log) =>
      assert.rejects(readAll(log.read(0)), (error) => isHearthError(error, 'STORE_FAILED')),
    )
    await rmdir(path)
    await rename(`${path}.aside`, path)
    assert.equal((await withLevelLog(root, (log) => readAll(log.read(0)))).length, 3)
  })

  it('is noticed when its folder, manifest or tables are gone', async () => {
    for (const pattern of [/./, /^MANIFEST/, /ldb$/]) {
      const root = await aLogOf(3)
      for (const name of await readdir(join(root, LOG_FOLDER))) {
        if (pattern.test(name)) await rm(join(root, LOG_FOLDER, name))
      }
      await assertCorrupt(root, (log) => log.append([blobCommitted('a')], 0))
    }
  })

  it('is noticed when LevelDB cannot read a table', async () => {
    const root = await aLogOf(3)
    for (const name of (await readdir(join(root, LOG_FOLDER))).filter((one) => one.endsWith('.ldb'))) {
      const path = join(root, LOG_FOLDER, name)
      await writeFile(path, (await readFile(path)).fill(0))
    }
    await assertCorrupt(root, (log) => readAll(log.read(0)))
  })

  it('is left alone when a newer hearth wrote it', async () => {
    const root = await aLogOf(1)
    await withDatabase(root, async (database) => {
      for (const key of [LOWEST_KEY, HIGHEST_KEY]) await database.put(key, sealValue(key, { version: 3 }))
    })
    await withLevelLog(root, (log) =>
      assert.rejects(log.append([blobCommitted('a')], 1), (error) => isHearthError(error, 'FORMAT_UNSUPPORTED')),
    )
  })
})

describe('a write that fails', () => {
  it('is made again on a fresh handle, so that nothing acknowledged is lost', async () => {
    const root = await aLogFolder()
    const count = 25 // each is stored twice, in its record and in the projection: 200 KB in all
    assert.deepEqual(await fillWithin(root, 128, Array(count).fill(4000).join('+')), ['durable'])
    const records = await withLevelLog(root, (log) => readAll(log.read(0)))
    assert.equal(applyAll(emptyIndex, records).blobs.size, count)
  })

  it('for want of space is refused as a whole, and the log goes on', async () => {
    const root = await aLogFolder()
    assert.deepEqual(await fillWithin(root, 128, '10,200000,10'), ['durable', 'NO_SPACE', 'durable'])
    const records = await withLevelLog(root, (log) => readAll(log.read(0)))
    assert.deepEqual([...applyAll(emptyIndex, records).blobs.keys()], [aDigest('0'), aDigest('2')])
  })
})

async function aLogOf(count: number): Promise<string> {
  const root = await aLogFolder()
  const events = Array.from({ length: count }, (_, n) => blobCommitted(`blob ${n}`))
  await withLevelLog(root, (log) => log.append(events, 0))
  // So that the records are in a table and the write-ahead log holds only what a test adds.
  await withLevelLog(root, (log) => log.hold(async () => {}))
  return root
}

async function copyOf(root: string): Promise<string> {
  const copy = await aLogFolder()
  await rm(join(copy, LOG_FOLDER), { recursive: true })
  await cp(join(root, LOG_FOLDER), join(copy, LOG_FOLDER), { recursive: true })
  return copy
}

async function assertCorrupt(root: string, work: (log: EventLog) => Promise<unknown>): Promise<void> {
  await withLevelLog(root, (log) => assert.rejects(work(log), (error) => isHearthError(error, 'LOG_CORRUPT')))
}

async function writeAheadLog(root: string): Promise<string> {
  const names = await readdir(join(root, LOG_FOLDER))
  return join(root, LOG_FOLDER, names.find((name) => name.endsWith('.log')) ?? assert.fail())
}

/** Appends in a process that may write no file longer than so many KiB; SIGXFSZ is ignored, so that writes fail instead. */
async function fillWithin(root: string, kibibytes: number, sizes: string): Promise<readonly string[]> {
  const script = `trap '' XFSZ; ulimit -f ${kibibytes * 2}; exec "$@"`
  const program = fileURLToPath(new URL('../support/log-process.js', import.meta.url))
  const args = ['-c', script, 'sh', process.execPath, program, 'fill', root, sizes]
  const output = await new Promise<string>((resolve, reject) => {
    execFile('/bin/sh', args, (error, stdout) => (error ? reject(error) : resolve(stdout)))
  })
  return JSON.parse(output) as string[]
}
