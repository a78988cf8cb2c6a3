import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { DigestAlgorithm } from '../../src/oci/digest.js'
import { encodedOf } from '../../src/oci/digest.js'
import { checksumText, createHasher, digestBytes } from '../../src/oci/hasher.js'

const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512', 'blake3']

/** Bytes n mod 251, as in the official BLAKE3 vectors. */
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at % 251)

/** github.com/BLAKE3-team/BLAKE3 test_vectors.json: no second implementation is at hand to compute them. */
const BLAKE3_VECTORS: readonly (readonly [number, string])[] = [
  [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
  [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
  [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
]

describe('createHasher', () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    it(`agrees with node:crypto on ${algorithm}`, async () => {
      const bytes = counting(100_000)
      assert.equal(encodedOf(await digestBytes(bytes, algorithm)), createHash(algorithm).update(bytes).digest('hex'))
    })
  }

  for (const [length, encoded] of BLAKE3_VECTORS) {
    it(`agrees with the official BLAKE3 vector of ${length} bytes`, async () => {
      assert.equal(await digestBytes(counting(length), 'blake3'), `blake3:${encoded}`)
    })
  }

  for (const algorithm of ALGORITHMS) {
    it(`gives the same ${algorithm} digest however the bytes are cut`, async () => {
      const bytes = counting(5000)
      const whole = await digestBytes(bytes, algorithm)
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 6 }), async (cuts) => {
          const hasher = await createHasher(algorithm)
          const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
          for (let at = 1; at < edges.length; at++) hasher.update(bytes.subarray(edges[at - 1], edges[at]))
          assert.equal(hasher.digest(), whole)
        }),
        { numRuns: 20 },
      )
    })

    it(`hashes with ${algorithm} the view alone, not the buffer below it, shared or not`, async () => {
      const shared = new Uint8Array(new SharedArrayBuffer(64)).fill(7)
      const expected = await digestBytes(new Uint8Array(10).fill(7), algorithm)
      assert.equal(await digestBytes(shared.subarray(5, 15), algorithm), expected)
      assert.equal(await digestBytes(new Uint8Array(64).fill(7).subarray(5, 15), algorithm), expected)
    })

    it(`keeps two ${algorithm} streams apart`, async () => {
      const [one, other] = [await createHasher(algorithm), await createHasher(algorithm)]
      one.update(counting(10))
      other.update(counting(20))
      one.update(counting(10))
      assert.equal(other.digest(), await digestBytes(counting(20), algorithm))
      assert.equal(one.digest(), await digestBytes(new Uint8Array([...counting(10), ...counting(10)]), algorithm))
    })
  }
})

describe('digestBytes', () => {
  it('is SHA-256 unless told otherwise', async () => {
    assert.equal(await digestBytes(counting(3)), await digestBytes(counting(3), 'sha256'))
  })
})

describe('checksumText', () => {
  it('is the SHA-256 of the text in UTF-8', () => {
    const text = 'gr\u00fc\u00df \ud83d\ude00'
    assert.equal(checksumText(text), createHash('sha256').update(new TextEncoder().encode(text)).digest('hex'))
  })
})
