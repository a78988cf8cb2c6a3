import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Errand, LargestFirst } from '../../src/pull/turn-order.js'

const MIB = 1024 * 1024
const KINDS: Readonly<Record<string, Errand>> = { name: 'name', manifest: 'manifest', small: { bytes: 1000 } }

/** Lets in as many as there are; names of errands, or bytes, in that order. */
function drain(order: LargestFirst<string>, { expecting = false, slots = 100 } = {}): string[] {
  const taken: string[] = []
  while (taken.length < slots) {
    const next = order.next(expecting)
    if (next === undefined) return taken
    taken.push(next.value)
  }
  return taken
}

function anOrder(width: number, ...wanted: readonly (string | number)[]): LargestFirst<string> {
  const order = new LargestFirst<string>(width)
  for (const each of wanted) order.add(typeof each === 'number' ? { bytes: each * MIB } : errandOf(each), String(each))
  return order
}

function errandOf(name: string): Errand {
  return KINDS[name.replace(/-.*/, '')] ?? assert.fail(name)
}

describe('the order of a lane', () => {
  it('takes manifests before names, and both in the order in which they came', () => {
    assert.deepEqual(drain(anOrder(8, 'name-1', 'manifest-1', 'name-2', 'manifest-2')), [
      'manifest-1',
      'manifest-2',
      'name-1',
      'name-2',
    ])
  })

  it('gives a quarter of the slots at most to requests while blobs wait, and all of them when none do', () => {
    const names = Array.from({ length: 8 }, (_, at) => `name-${at}`)
    const requests = (taken: readonly string[]) => taken.filter((name) => name.startsWith('name')).length
    assert.equal(requests(drain(anOrder(8, ...names, 50, 40, 30, 20), { slots: 6 })), 2)
    assert.equal(requests(drain(anOrder(8, ...names), { slots: 8 })), 8)
  })

  it('takes the largest blob, and every fourth time the one that has waited longest', () => {
    assert.deepEqual(drain(anOrder(8, 2, 3, 9, 4, 8, 5, 7, 6)), ['9', '8', '7', '2', '6', '5', '4', '3'])
  })

  it('takes blobs of the same size in the order in which they came', () => {
    const order = new LargestFirst<string>(8)
    for (const name of ['a', 'b', 'c', 'd', 'e']) order.add({ bytes: 5 }, name)
    assert.deepEqual(drain(order), ['a', 'b', 'c', 'd', 'e'])
  })

  it('keeps a quarter of the slots for small blobs, while some wait', () => {
    const large = [20, 21, 22, 23, 24, 25, 26, 27]
    const order = anOrder(8, ...large, 'small-1', 'small-2', 'small-3')
    assert.deepEqual(drain(order, { slots: 8 }).slice(0, 3), ['small-1', 'small-2', '27'])
    order.left({ bytes: 1000 })
    assert.equal(order.next(false)?.value, 'small-3')
  })

  it('keeps one slot from large blobs while requests may still come, and gives it to one that does', () => {
    const order = anOrder(8, 20, 21, 22, 23, 24, 25, 26, 27)
    assert.equal(drain(order, { expecting: true }).length, 7)
    order.add('name', 'late')
    assert.deepEqual(drain(order, { expecting: true }), ['late'])
    assert.equal(drain(order).length, 1)
  })

  it('lets everything into a narrow lane', () => {
    assert.equal(drain(anOrder(2, 20, 'small-1'), { expecting: true }).length, 2)
  })

  it('forgets those who went away', () => {
    const order = anOrder(8, 3)
    const gone = [order.add({ bytes: 9 * MIB }, 'a'), order.add('name', 'b'), order.add({ bytes: 9 * MIB }, 'c')]
    for (const waiting of gone) order.remove(waiting)
    for (const waiting of gone) order.remove(waiting)
    assert.equal(order.waiting, 1)
    assert.deepEqual(
      [...order.values()].map(({ value }) => value),
      ['3'],
    )
    assert.deepEqual(drain(order), ['3'])
  })
})
