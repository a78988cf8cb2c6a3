import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { type MergeDefaults, mergeWanted } from '../../src/warm/merge-wanted.js'

const DEFAULTS: MergeDefaults = { platforms: [], ownPlatform: 'linux/amd64' }
const [ONE, OTHER] = await Promise.all(['1', '2'].map((text) => digestBytes(Buffer.from(text))))
const a = (...platforms: string[]) => ({ reference: 'a', ...(platforms.length > 0 && { platforms }) })

describe('mergeWanted', () => {
  it('keeps each image once, in the order of first mention', () => {
    const merged = mergeWanted([{ reference: 'b' }, a(), { reference: 'b' }, { reference: 'c' }, a()], DEFAULTS)
    assert.deepEqual(
      merged.map(({ reference }) => reference),
      ['b', 'a', 'c'],
    )
  })

  it('unites platforms; a mention without any means those of the job, or the machine’s own', () => {
    const platforms = (images: ReturnType<typeof a>[], defaults = DEFAULTS) =>
      mergeWanted(images, defaults)[0]?.platforms
    assert.equal(platforms([a(), a()]), undefined)
    assert.deepEqual(platforms([a('linux/arm64'), a('linux/amd64', 'linux/arm64')]), ['linux/arm64', 'linux/amd64'])
    assert.deepEqual(platforms([a(), a('linux/arm64')]), ['linux/amd64', 'linux/arm64'])
    const named = { ...DEFAULTS, platforms: ['linux/s390x'] }
    assert.deepEqual(platforms([a('linux/arm64'), a()], named), ['linux/arm64', 'linux/s390x'])
    assert.deepEqual(platforms([a('linux/arm64'), a('all')]), ['all'])
  })

  it('keeps the digest of whichever mention has one, and the place of the first', () => {
    const place = { file: 'x', line: 1, column: 1 }
    assert.ok(ONE !== undefined)
    const [merged] = mergeWanted(
      [
        { ...a(), place },
        { ...a(), digest: ONE },
      ],
      DEFAULTS,
    )
    assert.deepEqual(merged, { reference: 'a', place, digest: ONE })
  })

  it('refuses two digests for one name', () => {
    assert.ok(ONE !== undefined && OTHER !== undefined)
    const [one, other] = [
      { reference: 'a', digest: ONE },
      { reference: 'a', digest: OTHER },
    ]
    assert.equal(mergeWanted([one, one], DEFAULTS).length, 1)
    assert.throws(
      () => mergeWanted([one, other], DEFAULTS),
      (error) => isHearthError(error, 'INPUT_INVALID'),
    )
  })
})
