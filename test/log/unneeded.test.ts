import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { unneeded } from '../../src/log/unneeded.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDigest } from '../support/a-log.js'

describe('what nothing needs', () => {
  const blobs = new Map(['index', 'amd64', 'layer 1', 'old', 'older'].map((name) => [aDigest(name), { size: 10 }]))
  const needed = new Set(digests('index', 'amd64', 'layer 1'))

  it('is what no reference leads to', () => {
    const { digests: found, bytes } = unneeded(blobs, { needed, leased: new Set() })
    assert.deepEqual(found, digests('old', 'older').sort())
    assert.equal(bytes, 20)
  })

  it('never includes what a running pull counts on', () => {
    const { digests: found, bytes } = unneeded(blobs, { needed, leased: new Set(digests('old')) })
    assert.deepEqual(found, digests('older'))
    assert.equal(bytes, 10)
  })

  it('is everything when there is no reference left', () => {
    assert.equal(unneeded(blobs, { needed: new Set(), leased: new Set() }).digests.length, blobs.size)
  })
})

function digests(...names: readonly string[]): Digest[] {
  return names.map(aDigest)
}
