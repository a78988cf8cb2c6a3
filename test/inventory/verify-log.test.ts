import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HearthError, isHearthError } from '../../src/errors.js'
import { checkLog } from '../../src/inventory/verify-log.js'
import type { HeldLog } from '../../src/log/event-log.js'
import type { HearthEvent, Recorded } from '../../src/log/events.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { aLogFolder, withLevelLog } from '../support/a-level-log.js'
import { blobCommitted, referenceRemoved, referenceSet } from '../support/a-log.js'

const EVENTS: readonly HearthEvent[] = [
  blobCommitted('z'),
  blobCommitted('a', { mediaType: 'application/octet-stream' }),
  referenceSet('web'),
  referenceSet('app'),
  referenceRemoved('web'),
  { type: 'RemovalPlanned', digests: [blobCommitted('z').digest] },
]

class DamagedLog extends MemoryEventLog {
  /** What becomes of the records on their way out. */
  damage: (records: Recorded[]) => Recorded[] = (records) => records
  /** What becomes of the lookups. */
  lookups: Partial<HeldLog> = {}

  override async hold<T>(work: (log: HeldLog) => Promise<T>): Promise<T> {
    return super.hold((held) => work({ ...held, ...this.lookups, head: held.head }))
  }

  override async *read(position: number): AsyncGenerator<Recorded> {
    const records: Recorded[] = []
    for await (const recorded of super.read(position)) records.push(recorded)
    yield* this.damage(records)
  }
}

async function aDamagedLog(): Promise<DamagedLog> {
  const log = new DamagedLog()
  await log.append(EVENTS, 0)
  return log
}

describe('checkLog', () => {
  it('finds nothing wrong with a sound log, and gives what it amounts to', async () => {
    const log = await aDamagedLog()
    const { state, states, events, problems } = await checkLog(log, { at: [4] })
    assert.deepEqual(problems, [])
    assert.equal(events, EVENTS.length)
    assert.deepEqual([...(state?.references.keys() ?? [])], ['app'])
    assert.deepEqual([...(states.get(4)?.references.keys() ?? [])], ['web', 'app'])
  })

  it('finds nothing wrong with one in LevelDB', async () => {
    const root = await aLogFolder()
    const { problems, events } = await withLevelLog(root, async (log) => {
      await log.append(EVENTS, 0)
      return checkLog(log, {})
    })
    assert.deepEqual([problems, events], [[], EVENTS.length])
  })

  it('knows the empty log', async () => {
    const { state, states, problems } = await checkLog(new MemoryEventLog(), { at: [0] })
    assert.deepEqual([state?.head.position, states.get(0)?.head.position, problems], [0, 0, []])
  })

  it('gives no state for a position where the log never was', async () => {
    assert.equal((await checkLog(await aDamagedLog(), { at: [99] })).states.size, 0)
  })

  it('reports a record that is missing or changed', async () => {
    const damages = [
      (records: Recorded[]) => records.toSpliced(2, 1),
      (records: Recorded[]) => records.with(2, { ...(records[2] ?? assert.fail()), previous: 'other' }),
    ]
    for (const damage of damages) {
      const log = await aDamagedLog()
      log.damage = damage
      const { state, problems } = await checkLog(log, {})
      assert.equal(state, undefined)
      assert.deepEqual(
        problems.map(({ kind, failure }) => [kind, failure.code]),
        [['log', 'LOG_CORRUPT']],
      )
    }
  })

  it('reports a log that ends before its head', async () => {
    const log = await aDamagedLog()
    log.damage = (records) => records.slice(0, -1)
    const { problems } = await checkLog(log, {})
    assert.ok(problems.some(({ subject }) => subject === 'head'))
  })

  it('reports lookups that are not what the records amount to', async () => {
    const log = await aDamagedLog()
    log.lookups = { references: async () => new Map(), allBlobs: async () => new Map() }
    const { state, problems } = await checkLog(log, {})
    assert.ok(state)
    assert.deepEqual(problems.map(({ subject }) => subject).sort(), ['blobs', 'references'])
  })

  it('ignores what is appended while it reads', async () => {
    const log = await aDamagedLog()
    log.lookups = {
      unfinishedRemovals: async () => {
        const { removals } = log.state
        queueMicrotask(() => void log.append([referenceSet('later')], EVENTS.length))
        return removals
      },
    }
    const { events, problems } = await checkLog(log, {})
    assert.deepEqual([events, problems], [EVENTS.length, []])
  })

  it('passes on a failure that says nothing about the log', async () => {
    const log = await aDamagedLog()
    log.damage = () => {
      throw new HearthError('LOG_BUSY', 'held')
    }
    await assert.rejects(checkLog(log, {}), (error) => isHearthError(error, 'LOG_BUSY'))
  })
})
