import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { LEAST_SEGMENT_BYTES, type Segment, Segments } from '../../src/blobs/segments.js'

const MIB = 1024 * 1024

describe('Segments', () => {
  it('gives all of an empty blob to the first who asks', () => {
    assert.deepEqual(new Segments([], 100).take(), { next: 0, end: 100 })
  })

  it('gives the gaps of what is there, one after another', () => {
    const segments = new Segments([[10, 20], [50, 60]], 100) // biome-ignore format: a picture of the blob
    assert.deepEqual(
      [segments.take(), segments.take(), segments.take(), segments.take()],
      [{ next: 0, end: 10 }, { next: 20, end: 50 }, { next: 60, end: 100 }, undefined],
    )
  })

  it('gives the second half of the largest part under way, cut at a whole MiB', () => {
    const segments = new Segments([], 100 * MIB)
    const first = segments.take() as Segment
    first.next = 10 * MIB + 1
    assert.deepEqual(segments.take(), { next: 56 * MIB, end: 100 * MIB })
    assert.equal(first.end, 56 * MIB)
  })

  it('leaves parts whole that are too small to share', () => {
    const segments = new Segments([], 2 * LEAST_SEGMENT_BYTES - 1)
    segments.take()
    assert.equal(segments.divisible, false)
    assert.equal(segments.take(), undefined)
  })

  it('gives what somebody left unfinished to the next', () => {
    const segments = new Segments([], 100)
    const first = segments.take() as Segment
    first.next = 40
    segments.leave(first)
    assert.deepEqual(segments.take(), { next: 40, end: 100 })
  })

  it('has every byte brought exactly once, whoever brings how much in which order', () => {
    const step = fc.record({ who: fc.nat(7), bytes: fc.integer({ min: 1, max: 40 * MIB }), drop: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 * MIB }), fc.array(step, { maxLength: 60 }), (size, steps) => {
        const segments = new Segments([], size)
        const hands: (Segment | undefined)[] = []
        let brought = 0
        const bring = (segment: Segment, bytes: number) => {
          const moved = Math.min(bytes, segment.end - segment.next)
          segment.next += moved
          brought += moved
        }
        for (const { who, bytes, drop } of steps) {
          const segment = hands[who] ?? segments.take()
          if (segment === undefined) continue
          bring(segment, bytes)
          const done = drop || segment.next === segment.end
          if (done) segments.leave(segment)
          hands[who] = done ? undefined : segment
          assert.equal(segments.left, size - brought)
        }
        for (const segment of hands) {
          if (segment === undefined) continue
          bring(segment, Number.POSITIVE_INFINITY)
          segments.leave(segment)
        }
        for (let segment = segments.take(); segment !== undefined; segment = segments.take()) {
          bring(segment, Number.POSITIVE_INFINITY)
          segments.leave(segment)
        }
        assert.equal(brought, size)
      }),
    )
  })
})
