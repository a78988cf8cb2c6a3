import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { ExpiringCache, type Kept } from '../../src/registry/expiring-cache.js'

/** A cache on a clock that stands still until told, with loads that end when told. */
function fixture() {
  const clock = { now: 1000 }
  const cache = new ExpiringCache<string>(() => clock.now)
  const loads: { resolve: (kept: Kept<string>) => void; reject: (error: Error) => void; signal: AbortSignal }[] = []
  const load = (signal: AbortSignal): Promise<Kept<string>> =>
    new Promise((resolve, reject) => loads.push({ resolve, reject, signal }))
  return { clock, cache, loads, load }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const isAborted = (error: unknown): boolean => isHearthError(error, 'ABORTED')

describe('ExpiringCache', () => {
  it('loads once for all who ask at the same time, and once per key', async () => {
    const { cache, loads, load } = fixture()
    const [a, b, other] = [cache.get('k', load), cache.get('k', load), cache.get('x', load)]
    await turn()
    assert.equal(loads.length, 2)
    loads[0]?.resolve({ value: 'v', ttlMs: 10 })
    loads[1]?.resolve({ value: 'w', ttlMs: 10 })
    assert.deepEqual(await Promise.all([a, b, other]), ['v', 'v', 'w'])
  })

  it('gives the kept value until its time is over', async () => {
    const { clock, cache, loads, load } = fixture()
    const first = cache.get('k', load)
    await turn()
    loads[0]?.resolve({ value: 'v', ttlMs: 10 })
    await first
    clock.now += 9
    assert.equal(await cache.get('k', load), 'v')
    assert.equal(cache.peek('k'), 'v')
    clock.now += 1
    assert.equal(cache.peek('k'), undefined)
    const second = cache.get('k', load)
    await turn()
    loads[1]?.resolve({ value: 'w', ttlMs: 10 })
    assert.equal(await second, 'w')
  })

  it('does not keep a failure', async () => {
    const { cache, loads, load } = fixture()
    const first = cache.get('k', load)
    await turn()
    loads[0]?.reject(new Error('x'))
    await assert.rejects(first, /x/)
    const second = cache.get('k', load)
    await turn()
    loads[1]?.resolve({ value: 'v', ttlMs: 10 })
    assert.equal(await second, 'v')
  })

  it('drops a value only while it is still that one', async () => {
    const { cache } = fixture()
    await cache.get('k', async () => ({ value: 'new', ttlMs: 10 }))
    cache.drop('k', 'old')
    assert.equal(cache.peek('k'), 'new')
    cache.drop('k', 'new')
    assert.equal(cache.peek('k'), undefined)
  })

  it('lets one caller leave, and goes on for the others', async () => {
    const { cache, loads, load } = fixture()
    const impatient = new AbortController()
    const leaving = cache.get('k', load, impatient.signal)
    const staying = cache.get('k', load)
    await turn()
    impatient.abort()
    await assert.rejects(leaving, isAborted)
    assert.equal(loads[0]?.signal.aborted, false)
    loads[0]?.resolve({ value: 'v', ttlMs: 10 })
    assert.equal(await staying, 'v')
  })

  it('aborts the load when the last caller has left, and starts anew for the next', async () => {
    const { cache, loads, load } = fixture()
    const controller = new AbortController()
    const both = [cache.get('k', load, controller.signal), cache.get('k', load, controller.signal)]
    await turn()
    controller.abort()
    for (const call of both) await assert.rejects(call, isAborted)
    assert.equal(loads[0]?.signal.aborted, true)
    const next = cache.get('k', load)
    await turn()
    assert.equal(loads.length, 2)
    // The abandoned load ends late, and must neither answer nor unseat the new one.
    loads[0]?.resolve({ value: 'late', ttlMs: 10 })
    await turn()
    assert.equal(cache.peek('k'), undefined)
    loads[1]?.resolve({ value: 'v', ttlMs: 10 })
    assert.equal(await next, 'v')
    assert.equal(cache.peek('k'), 'v')
  })

  it('does not begin for a caller who is aborted already', async () => {
    const { cache, loads, load } = fixture()
    await assert.rejects(cache.get('k', load, AbortSignal.abort()), isAborted)
    await turn()
    assert.equal(loads[0]?.signal.aborted ?? true, true)
  })

  it('forgets what is out of date', async () => {
    const { clock, cache } = fixture()
    for (let key = 0; key < 100; key++) await cache.get(String(key), async () => ({ value: 'v', ttlMs: 10 }))
    clock.now += 20
    await cache.get('new', async () => ({ value: 'v', ttlMs: 10 }))
    clock.now -= 20
    assert.equal(cache.peek('0'), undefined)
  })
})
