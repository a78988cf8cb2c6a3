import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { JobQueue } from '../../src/log/job-queue.js'

describe('a job queue', () => {
  it('hands out the jobs in their order, with the context of the moment', async () => {
    const queue = new JobQueue<string>()
    const results = [queue.add(async (context) => `1 ${context}`, []), queue.add(async (context) => `2 ${context}`, [])]
    await queue.first()?.run('a')
    await queue.first()?.run('b')
    assert.deepEqual(await Promise.all(results), ['1 a', '2 b'])
    assert.equal(queue.size, 0)
  })

  it('gives the failure of a job to its caller alone', async () => {
    const queue = new JobQueue<void>()
    const failing = queue.add(() => Promise.reject(new RangeError()), [])
    await queue.first()?.run()
    await assert.rejects(failing, RangeError)
  })

  it('drops a waiting job whose signal is aborted, and keeps the others', async () => {
    const queue = new JobQueue<void>()
    const controller = new AbortController()
    const dropped = queue.add(async () => assert.fail('it was dropped'), [controller.signal])
    const kept = queue.add(async () => 'kept', [])
    controller.abort()
    await assert.rejects(dropped, (error) => isHearthError(error, 'ABORTED'))
    assert.equal(queue.size, 1)
    await queue.first()?.run()
    assert.equal(await kept, 'kept')
  })

  it('listens once to a signal that many jobs share, and only while they wait', async () => {
    const queue = new JobQueue<void>()
    const { signal } = new AbortController()
    const jobs = Array.from({ length: 20 }, () =>
      queue.add(async () => getEventListeners(signal, 'abort').length, [signal]),
    )
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    for (let job = queue.first(); job !== undefined; job = queue.first()) await job.run()
    assert.deepEqual(await Promise.all(jobs), [...Array(19).fill(1), 0])
  })

  it('lets a running job finish, whatever its signal says', async () => {
    const queue = new JobQueue<void>()
    const controller = new AbortController()
    const running = queue.add(async () => {
      controller.abort()
      return 'done'
    }, [controller.signal])
    await queue.first()?.run()
    assert.equal(await running, 'done')
  })

  it('fails all who wait with one reason', async () => {
    const queue = new JobQueue<void>()
    const jobs = [queue.add(async () => 1, []), queue.add(async () => 2, [])]
    const reason = new RangeError()
    queue.failAll(reason)
    for (const job of jobs) await assert.rejects(job, (error) => error === reason)
    assert.equal(queue.first(), undefined)
  })
})
