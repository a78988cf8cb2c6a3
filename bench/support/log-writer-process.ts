/**
 * A process that fills the log of a new cache, nine blobs for each reference: `<root> <count> <killed|closed>`. Says
 * `written`; then waits in a hold to be killed, or closes the log and ends when its parent disconnects.
 */
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { openOrInit } from '../../src/materialise/fs-init.js'
import { blobCommitted, referenceSet } from '../../test/support/a-log.js'

const OPTIONS = { lockTimeoutMs: 60_000 }
const BATCH = 1000
const [, , root = '', count = '', end] = process.argv

await openOrInit(root, OPTIONS)
const log = await LevelEventLog.open(root, OPTIONS)
await log.hold(async (held) => {
  for (let at = 0; at < Number(count); at += BATCH) {
    const events = Array.from({ length: BATCH }, (_, within) => {
      const name = `${at + within}`
      return (at + within) % 10 === 9 ? referenceSet(`registry.example/app:${name}`) : blobCommitted(name)
    })
    await held.append(events)
  }
  if (end === 'closed') return
  process.send?.('written')
  await new Promise(() => setInterval(() => {}, 1000))
})
await log.close()
process.send?.('written')
