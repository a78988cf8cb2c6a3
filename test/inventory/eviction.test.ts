import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Budget, type EvictionInput, planEvictions, usedAhead } from '../../src/inventory/eviction.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDescriptorOf, aDigest } from '../support/a-log.js'

interface Given {
  /** Reference to when it was used last, and the blobs it needs besides a root of its own, which has 1 byte. */
  readonly images: Readonly<Record<string, { readonly used: number; readonly blobs: readonly string[] }>>
  readonly pinned?: readonly string[]
  /** Roots of references, and blobs. */
  readonly leased?: readonly string[]
}

/** A blob has as many bytes as its name says behind the colon. */
function sizeOf(blob: string): number {
  return Number(blob.split(':')[1] ?? 1)
}

function given({ images, pinned = [], leased = [] }: Given): EvictionInput {
  const entries = Object.entries(images)
  const blobs = [...new Set(entries.flatMap(([name, { blobs: own }]) => [name, ...own]))]
  const closure = (name: string, own: readonly string[]) => ({
    digests: new Set([name, ...own].map(aDigest)),
    absent: [],
  })
  const at = (used: number) => new Date(used).toISOString()
  return {
    references: new Map(entries.map(([name, { used }]) => [name, { descriptor: aDescriptorOf(name), at: at(used) }])),
    closures: new Map(entries.map(([name, { blobs: own }]) => [name, closure(name, own)])),
    sizes: new Map(blobs.map((blob): [Digest, { size: number }] => [aDigest(blob), { size: sizeOf(blob) }])),
    pins: new Map(pinned.map((name) => [name, true])),
    leased: new Set(leased.map(aDigest)),
    uses: new Map(),
    now: 10_000,
  }
}

const THREE = {
  old: { used: 1000, blobs: ['base:100', 'old layer:10'] },
  middle: { used: 2000, blobs: ['base:100', 'middle layer:20'] },
  young: { used: 3000, blobs: ['young layer:30'] },
}

function evicted(input: Given, budget: Budget): readonly string[] {
  return planEvictions(given(input), budget).names
}

describe('a budget of bytes', () => {
  it('evicts nothing while all fits, each blob counted once', () => {
    assert.deepEqual(planEvictions(given({ images: THREE }), { keepBytes: 163 }), { names: [], bytes: 163 })
  })

  it('evicts the least recently used first, and no more than needed', () => {
    assert.deepEqual(planEvictions(given({ images: THREE }), { keepBytes: 162 }), { names: ['old'], bytes: 152 })
    assert.deepEqual(planEvictions(given({ images: THREE }), { keepBytes: 151 }), {
      names: ['old', 'middle'],
      bytes: 31,
    })
    assert.deepEqual(evicted({ images: THREE }, { keepBytes: 0 }), ['old', 'middle', 'young'])
  })

  it('counts a noted use, if it is later than the reference itself', () => {
    const uses = new Map([
      ['old', 5000],
      ['middle', 1],
    ])
    assert.deepEqual(planEvictions({ ...given({ images: THREE }), uses }, { keepBytes: 162 }).names, ['middle'])
  })

  it('never evicts what is pinned, and says how much stays', () => {
    const plan = planEvictions(given({ images: THREE, pinned: ['old', 'young'] }), { keepBytes: 0 })
    assert.deepEqual(plan, { names: ['middle'], bytes: 142 })
  })

  it('never evicts what a pull works on, and counts what it has leased', () => {
    const plan = planEvictions(given({ images: THREE, leased: ['old', 'middle layer:20'] }), { keepBytes: 0 })
    assert.deepEqual(plan, { names: ['middle', 'young'], bytes: 131 })
  })

  it('keeps a name whose eviction frees nothing', () => {
    const alias = { used: 1, blobs: [] }
    const input = given({ images: { ...THREE, alias } })
    const sameRoot = {
      ...input,
      closures: new Map([...input.closures, ['alias', input.closures.get('young') ?? assert.fail()]]),
    }
    assert.deepEqual(planEvictions(sameRoot, { keepBytes: 162 }).names, ['old'])
  })

  it('evicts all names of an image when the bytes are needed', () => {
    const input = given({ images: { ...THREE, alias: { used: 1, blobs: [] } } })
    const sameRoot = {
      ...input,
      closures: new Map([...input.closures, ['alias', input.closures.get('old') ?? assert.fail()]]),
    }
    assert.deepEqual(planEvictions(sameRoot, { keepBytes: 162 }).names, ['alias', 'old'])
  })

  it('decides the same in every run when uses are equally old', () => {
    const images = { b: { used: 1, blobs: [] }, a: { used: 1, blobs: [] }, c: { used: 1, blobs: [] } }
    assert.deepEqual(evicted({ images }, { keepBytes: 1 }), ['a', 'b'])
  })
})

describe('a budget of time', () => {
  it('evicts what was not used since, whatever its size', () => {
    assert.deepEqual(evicted({ images: THREE }, { usedSince: 2000 }), ['old'])
    assert.deepEqual(evicted({ images: THREE }, { usedSince: 2001 }), ['old', 'middle'])
    assert.deepEqual(evicted({ images: THREE, pinned: ['old'] }, { usedSince: 9000 }), ['middle', 'young'])
  })

  it('protects from a budget of bytes what was used since', () => {
    assert.deepEqual(planEvictions(given({ images: THREE }), { usedSince: 2000, keepBytes: 0 }), {
      names: ['old'],
      bytes: 152,
    })
    assert.deepEqual(evicted({ images: THREE }, { usedSince: 9000, keepBytes: 162 }), ['old'])
  })
})

describe('a use in the future, noted by a clock that was ahead', () => {
  const images = { old: { used: 1000, blobs: [] }, ahead: { used: 20_000, blobs: [] } }
  const input = given({ images })
  const noted = (used: number): EvictionInput => ({ ...input, uses: new Map([['ahead', used]]) })

  it('counts as now', () => {
    for (const at of [input, noted(30_000)]) {
      assert.deepEqual(planEvictions(at, { usedSince: 10_000 }).names, ['old'])
      assert.deepEqual(planEvictions(at, { usedSince: 10_001 }).names, ['old', 'ahead'])
      assert.deepEqual(usedAhead(at), ['ahead'])
    }
  })

  it('counts no more once a use was noted since', () => {
    assert.deepEqual(planEvictions(noted(500), { usedSince: 2000 }).names, ['ahead', 'old'])
    assert.deepEqual(usedAhead(noted(500)), [])
  })
})

describe('no budget', () => {
  it('evicts nothing', () => {
    assert.deepEqual(planEvictions(given({ images: THREE }), {}), { names: [], bytes: 163 })
  })
})
