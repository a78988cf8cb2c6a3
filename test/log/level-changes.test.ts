import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appendSign } from '../../src/log/level-changes.js'
import { aLogFolder, withLevelLog } from '../support/a-level-log.js'
import { blobCommitted } from '../support/a-log.js'

describe('the sign of an append', () => {
  /** As any command does that has nothing to record. */
  const look = (root: string) => withLevelLog(root, (log) => log.hold(async () => {}))

  it('is none that the log was opened: two who follow it would wake each other for ever', async () => {
    const root = await aLogFolder()
    await withLevelLog(root, (log) => log.append([blobCommitted('a')], 0))
    await look(root)
    const sign = await appendSign(root)
    for (let times = 0; times < 3; times++) {
      await look(root)
      assert.equal(await appendSign(root), sign)
    }
  })

  it('stays, however often the log is opened after it', async () => {
    const root = await aLogFolder()
    await look(root)
    const signs = [await appendSign(root)]
    for (let position = 0; position < 3; position++) {
      await withLevelLog(root, (log) => log.append([blobCommitted('a')], position))
      signs.push(await appendSign(root))
      await look(root)
      await look(root)
      signs.push(await appendSign(root))
    }
    // The log as it was found, then each append twice: in a write-ahead log, and in the table that the next one makes of it.
    assert.equal(new Set(signs).size, signs.length)
  })
})
