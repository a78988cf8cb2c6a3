import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { compareLocks } from '../../src/warm/compare-locks.js'
import type { Lock, LockedImage } from '../../src/warm/lock-file.js'

const [one, other] = await Promise.all(['1', '2'].map((text) => digestBytes(Buffer.from(text))))
assert.ok(one !== undefined && other !== undefined)
const image = (digest: typeof one, ...platforms: string[]): LockedImage => ({
  ...{ digest, mediaType: OCI_INDEX, size: 7 },
  platforms: Object.fromEntries(platforms.map((name) => [name, { digest, size: 1 }])),
})
const lock = (images: Lock['images']): Lock => ({ version: 1, images })

describe('compareLocks', () => {
  it('finds nothing between equal locks, in whatever order they were put together', () => {
    const [a, b] = [image(one, 'linux/amd64', 'linux/arm64'), image(one, 'linux/arm64', 'linux/amd64')]
    assert.deepEqual(compareLocks(lock({ a, c: b }), lock({ c: b, a: b })), [])
  })

  it('tells what is new, gone, or another one, by name', () => {
    const changes = compareLocks(
      lock({ c: image(one), a: image(one), b: image(one) }),
      lock({ d: image(one), c: image(other), b: image(one) }),
    )
    assert.deepEqual(changes, [
      { kind: 'removed', reference: 'a', digest: one },
      { kind: 'changed', reference: 'c', before: one, digest: other },
      { kind: 'added', reference: 'd', digest: one },
    ])
  })

  it('notices that other platforms are locked', () => {
    const changes = compareLocks(lock({ a: image(one) }), lock({ a: image(one, 'linux/amd64') }))
    assert.deepEqual(changes, [{ kind: 'changed', reference: 'a', before: one, digest: one }])
  })

  it('takes nothing for a name that every object has', () => {
    assert.deepEqual(compareLocks(lock({}), lock({ constructor: image(one) })), [
      { kind: 'added', reference: 'constructor', digest: one },
    ])
  })
})
