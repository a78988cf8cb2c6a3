import assert from 'node:assert/strict'
import { readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { writeBatch } from '../../src/log/level-batch.js'
import { openDatabase } from '../../src/log/level-database.js'
import { decodeWriteAheadLog } from '../../src/log/level-wal.js'
import { readWriteAheadLogs, restoreLost } from '../../src/log/level-wal-guard.js'
import { LOG_FOLDER } from '../../src/oci/image-layout.js'
import { aLogFolder, withLevelLog } from '../support/a-level-log.js'
import { blobCommitted, readAll } from '../support/a-log.js'
import { tempDir } from '../support/temp-dir.js'

describe("LevelDB's write-ahead log, read without LevelDB", () => {
  it('holds every operation of each batch, also of one that spans blocks', async () => {
    const { folder, records } = await aLogWith(400)
    const [log = assert.fail()] = await readWriteAheadLogs(folder)
    assert.ok(log.length > 100_000)
    const keys = decodeWriteAheadLog(log).map(({ key }) => key)
    assert.equal(keys.filter((key) => key.startsWith('!records!')).length, records)
    assert.equal(keys.filter((key) => key.startsWith('!blobs!')).length, records)
  })

  it('holds a batch of more operations than a call takes arguments', async () => {
    const { root, folder } = await aLogWith(1)
    const operations = Array.from({ length: 150_000 }, (_, n) => ({ type: 'del', key: `${n}` }) as const)
    const database = await openDatabase(root)
    await writeBatch(database, operations)
    await database.close()
    const [log = assert.fail()] = await readWriteAheadLogs(folder)
    assert.deepEqual(decodeWriteAheadLog(log).slice(-operations.length), operations)
  })

  it('ends where it is torn or damaged', async () => {
    const { folder } = await aLogWith(3)
    const [log = assert.fail()] = await readWriteAheadLogs(folder)
    assert.deepEqual(decodeWriteAheadLog(log.subarray(0, -1)), [])
    assert.deepEqual(decodeWriteAheadLog(Buffer.from(log).fill(0, 20, 40)), [])
    assert.deepEqual(decodeWriteAheadLog(Buffer.alloc(40_000)), [])
  })

  it('comes oldest first, also when LevelDB has counted beyond six digits', async () => {
    const folder = await tempDir()
    for (const name of ['1000000', '999999', '000001']) await writeFile(join(folder, `${name}.log`), name)
    assert.deepEqual((await readWriteAheadLogs(folder)).map(String), ['000001', '999999', '1000000'])
  })

  it('is written anew when LevelDB took it for empty', async () => {
    const { root, folder, records } = await aLogWith(3)
    const logs = await readWriteAheadLogs(folder)
    for (const name of await readdir(folder)) {
      if (name.endsWith('.log')) await rename(join(folder, name), join(root, name))
    }
    const database = await openDatabase(root)
    await restoreLost(database, [...logs, Buffer.alloc(0)])
    await restoreLost(database, logs)
    await database.close()
    assert.equal((await withLevelLog(root, (log) => readAll(log.read(0)))).length, records)
  })

  it('is written anew also when only an older one was lost, which a crash leaves beside the newest while its table is made', async () => {
    const root = await aLogFolder()
    const folder = join(root, LOG_FOLDER)
    await withLevelLog(root, (log) =>
      log.hold(async (held) => {
        for (const name of ['one', 'two', 'three']) await held.append([blobCommitted(name)])
      }),
    )
    const [log = assert.fail()] = await readWriteAheadLogs(folder)
    // A batch that fits into a block is a piece of its own, and may as well begin another log.
    const [first, second] = [endOfPiece(log, 0), endOfPiece(log, endOfPiece(log, 0))]
    const logs = [log.subarray(0, first), log.subarray(first, second), log.subarray(second)]
    for (const name of await readdir(folder))
      if (name.endsWith('.log')) await writeFile(join(folder, name), log.subarray(second))
    const database = await openDatabase(root)
    await restoreLost(database, logs)
    await database.close()
    assert.equal((await withLevelLog(root, (opened) => readAll(opened.read(0)))).length, 3)
  })

  it('stays as it is when an older one was read, and what it holds was archived since', async () => {
    const { root, folder } = await aLogWith(3)
    const logs = await readWriteAheadLogs(folder)
    await withLevelLog(root, (log) => log.compact(0))
    const database = await openDatabase(root)
    const newest = await readWriteAheadLogs(folder)
    const before = await database.iterator().all()
    await restoreLost(database, [...logs, ...newest])
    assert.deepEqual(await database.iterator().all(), before)
    await database.close()
  })
})

/** After its header: seven bytes, of which the fifth and sixth are its length. */
function endOfPiece(log: Buffer, at: number): number {
  return at + 7 + log.readUInt16LE(at + 4)
}

/** Its records are in the write-ahead log alone. */
async function aLogWith(records: number): Promise<{ root: string; folder: string; records: number }> {
  const root = await aLogFolder()
  const events = Array.from({ length: records }, (_, n) => blobCommitted(`blob ${n}`))
  await withLevelLog(root, (log) => log.append(events, 0))
  return { root, folder: join(root, LOG_FOLDER), records }
}
