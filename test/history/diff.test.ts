import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { diffReferences } from '../../src/history/diff.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { aDescriptorOf, aDigest, aLog, referenceRemoved, referenceSet } from '../support/a-log.js'

const log = aLog(
  referenceSet('stays'),
  referenceSet('moves'),
  referenceSet('goes'),
  referenceSet('stays', { origin: 'restored' }),
  referenceSet('moves', { descriptor: aDescriptorOf('another') }),
  referenceRemoved('goes'),
  referenceSet('comes'),
  referenceSet('again'),
)
const at = (position: number) => applyAll(emptyIndex, log.slice(0, position)).references

describe('a difference of names', () => {
  it('says what came, what went and what moved, sorted', () => {
    assert.deepEqual(diffReferences(at(3), at(8)), {
      added: [
        { reference: 'again', digest: aDigest('again') },
        { reference: 'comes', digest: aDigest('comes') },
      ],
      removed: [{ reference: 'goes', digest: aDigest('goes') }],
      moved: [{ reference: 'moves', from: aDigest('moves'), to: aDigest('another') }],
    })
  })

  it('is the opposite the other way round', () => {
    const { added, removed, moved } = diffReferences(at(8), at(3))
    assert.deepEqual(
      [added.map(({ reference }) => reference), removed.map(({ reference }) => reference)],
      [['goes'], ['again', 'comes']],
    )
    assert.deepEqual(moved, [{ reference: 'moves', from: aDigest('another'), to: aDigest('moves') }])
  })

  it('is empty between equal states', () => {
    assert.deepEqual(diffReferences(at(3), at(4)), { added: [], removed: [], moved: [] })
  })
})
