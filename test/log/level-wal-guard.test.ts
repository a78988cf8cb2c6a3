import assert from 'node:assert/strict'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openDatabase } from '../../src/log/level-database.js'
import { decodeWriteAheadLog } from '../../src/log/level-wal.js'
import { readWriteAheadLogs, restoreLost } from '../../src/log/level-wal-guard.js'
import { LOG_FOLDER } from '../../src/oci/image-layout.js'
import { aLogFolder, withLevelLog } from '../support/a-level-log.js'
import { blobCommitted, readAll } from '../support/a-log.js'

describe("LevelDB's write-ahead log, read without LevelDB", () => {
  it('holds every operation of each batch, also of one that spans blocks', async () => {
    const { folder, records } = await aLogWith(400)
    const [log = assert.fail()] = await readWriteAheadLogs(folder)
    assert.ok(log.length > 100_000)
    const keys = decodeWriteAheadLog(log).map(({ key }) => key)
    assert.equal(keys.filter((key) => key.startsWith('!records!')).length, records)
    assert.equal(keys.filter((key) => key.startsWith('!blobs!')).length, records)
  })

  it('ends where it is torn or damaged', async () => {
    const { folder } = await aLogWith(3)
    const [log = assert.fail()] = await readWriteAheadLogs(folder)
    assert.deepEqual(decodeWriteAheadLog(log.subarray(0, -1)), [])
    assert.deepEqual(decodeWriteAheadLog(Buffer.from(log).fill(0, 20, 40)), [])
    assert.deepEqual(decodeWriteAheadLog(Buffer.alloc(40_000)), [])
  })

  it('is written anew when LevelDB took it for empty', async () => {
    const { root, folder, records } = await aLogWith(3)
    const logs = await readWriteAheadLogs(folder)
    for (const name of await readdir(folder)) {
      if (name.endsWith('.log')) await rename(join(folder, name), join(root, name))
    }
    const database = await openDatabase(root)
    await restoreLost(database, logs)
    await restoreLost(database, logs)
    await database.close()
    assert.equal((await withLevelLog(root, (log) => readAll(log.read(0)))).length, records)
  })
})

/** Its records are in the write-ahead log alone. */
async function aLogWith(records: number): Promise<{ root: string; folder: string; records: number }> {
  const root = await aLogFolder()
  const events = Array.from({ length: records }, (_, n) => blobCommitted(`blob ${n}`))
  await withLevelLog(root, (log) => log.append(events, 0))
  return { root, folder: join(root, LOG_FOLDER), records }
}
