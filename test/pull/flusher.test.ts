import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { HearthError } from '../../src/errors.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { Flusher, type FlusherDeps } from '../../src/pull/flusher.js'
import { blobCommitted } from '../support/a-log.js'
import { until } from '../support/until.js'

const never = new AbortController().signal

describe('Flusher', () => {
  let log: MemoryEventLog
  let now: number
  let flushes: number

  beforeEach(() => {
    log = new MemoryEventLog()
    now = 0
    flushes = 0
  })
  const open = (changes: Partial<FlusherDeps> = {}) =>
    new Flusher({ log, boot: 'boot', flush: async () => void flushes++, now: () => now, ...changes })
  const commit = async (name: string, flusher: Flusher, bytes = 1) => {
    await log.hold((held) => held.append([blobCommitted(name, { durable: false })]))
    flusher.committed(bytes)
  }
  const covered = () => log.state.flushes.get('boot') ?? 0

  it('flushes beside the run, not more often than every five seconds', async () => {
    const flusher = open()
    now = 4999
    await commit('a', flusher)
    await log.hold(async () => {})
    assert.equal(flushes, 0)
    now = 5000
    await commit('b', flusher)
    await until(async () => covered() === 2)
    now = 9999
    await commit('c', flusher)
    await log.hold(async () => {})
    assert.equal(flushes, 1)
    now = 10_000
    await commit('d', flusher)
    await until(async () => flushes === 2 && covered() > 2)
    await flusher.end(never)
  })

  it('flushes the rest at the end, once', async () => {
    const flusher = open()
    for (const name of ['a', 'b', 'c']) await commit(name, flusher)
    await flusher.end(never)
    const { position } = log.state.head
    assert.ok(covered() >= 3)
    await flusher.end(never)
    assert.equal(log.state.head.position, position)
  })

  it('leaves much to the operating system at the end', async () => {
    const flusher = open()
    for (const name of ['a', 'b']) await commit(name, flusher, 17 * 1024 * 1024)
    await flusher.end(never)
    assert.deepEqual([flushes, covered()], [0, 0])
  })

  it('does nothing when nothing was committed', async () => {
    await open().end(never)
    assert.deepEqual([flushes, log.state.head.position], [0, 0])
  })

  it('is not waited for any longer than its caller will', async () => {
    const flusher = open({ flush: () => new Promise(() => {}) })
    await commit('a', flusher)
    await flusher.end(AbortSignal.abort())
    assert.equal(covered(), 0)
  })

  it('does not try again after the disk refused: a second fsync may succeed for bytes that are lost', async () => {
    const flusher = open({
      flush: async () => {
        flushes++
        throw new HearthError('STORE_FAILED', 'EIO')
      },
    })
    now = 5000
    await commit('a', flusher)
    await until(async () => flushes === 1)
    now = 10_000
    await commit('b', flusher)
    await flusher.end(never)
    assert.deepEqual([flushes, covered()], [1, 0])
  })
})
