import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { HashCursor } from '../../src/blobs/hash-cursor.js'
import type { DigestAlgorithm } from '../../src/oci/digest.js'
import { createHasher, digestBytes } from '../../src/oci/hasher.js'
import { seededBytes } from '../support/seeded-bytes.js'

const MIB = 1024 * 1024
const BYTES = seededBytes('hashed', 3 * MIB + 17)

describe('HashCursor', () => {
  /** A cursor over a disk that holds the first `written` bytes; grow it by assigning. */
  async function over(written: number, algorithm: DigestAlgorithm = 'sha256') {
    const disk = { written, reads: 0 }
    const cursor = new HashCursor(await createHasher(algorithm), {
      read: (offset, buffer) => {
        disk.reads += 1
        const bytes = BYTES.subarray(offset, Math.min(disk.written, offset + buffer.length))
        buffer.set(bytes)
        return bytes.length
      },
    })
    return { cursor, disk }
  }

  for (const algorithm of ['sha256', 'sha512', 'blake3'] as const) {
    it(`hashes what passes by in order without reading it again (${algorithm})`, async () => {
      const { cursor, disk } = await over(0, algorithm)
      for (let at = 0; at < BYTES.length; at += 100_000) cursor.passBy(at, BYTES.subarray(at, at + 100_000))
      assert.deepEqual([cursor.position, disk.reads], [BYTES.length, 0])
      assert.equal(cursor.digest(), await digestBytes(BYTES, algorithm))
    })
  }

  it('reads what an earlier run left, a step at a time', async () => {
    const { cursor } = await over(BYTES.length)
    const steps: number[] = []
    while (cursor.catchUp(BYTES.length)) steps.push(cursor.position)
    assert.deepEqual(steps, [MIB, 2 * MIB, 3 * MIB, BYTES.length])
    assert.equal(cursor.digest(), await digestBytes(BYTES))
  })

  it('leaves for later what passes by before its turn', async () => {
    const { cursor, disk } = await over(MIB)
    cursor.passBy(MIB, BYTES.subarray(MIB, 2 * MIB))
    assert.equal(cursor.position, 0)
    disk.written = 2 * MIB
    while (cursor.catchUp(2 * MIB));
    cursor.passBy(2 * MIB, BYTES.subarray(2 * MIB))
    assert.equal(cursor.digest(), await digestBytes(BYTES))
  })

  it('does not hash twice what passed by already', async () => {
    const { cursor } = await over(0)
    cursor.passBy(0, BYTES.subarray(0, MIB))
    cursor.passBy(0, BYTES.subarray(0, MIB))
    cursor.passBy(MIB / 2, BYTES.subarray(MIB / 2, MIB))
    assert.equal(cursor.position, MIB)
  })

  it('has nothing to do at its end, and says so', async () => {
    const { cursor, disk } = await over(MIB)
    assert.equal(cursor.catchUp(0), false)
    while (cursor.catchUp(MIB));
    assert.deepEqual([cursor.catchUp(MIB), cursor.catchUp(MIB / 2), disk.reads], [false, false, 1])
  })

  it('stops where the disk has less than was written', async () => {
    const { cursor } = await over(MIB / 2)
    while (cursor.catchUp(MIB));
    assert.equal(cursor.position, MIB / 2)
  })

  it('hashes a blob of no bytes', async () => {
    const { cursor } = await over(0)
    assert.equal(cursor.digest(), await digestBytes(new Uint8Array()))
  })

  it('comes to the right digest in whatever order it is told', async () => {
    const whole = BYTES.subarray(0, 10_000)
    const expected = await digestBytes(whole)
    const pieces = fc.array(fc.record({ length: fc.integer({ min: 1, max: 3000 }), catchUp: fc.boolean() }), {
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), pieces, async (present, told) => {
        const { cursor, disk } = await over(present)
        for (const { length, catchUp } of told) {
          const chunk = whole.subarray(disk.written, disk.written + length)
          const offset = disk.written
          disk.written += chunk.length
          cursor.passBy(offset, chunk)
          if (catchUp) cursor.catchUp(disk.written)
        }
        disk.written = whole.length
        while (cursor.catchUp(whole.length));
        assert.equal(cursor.digest(), expected)
      }),
      { numRuns: 50 },
    )
  })
})
