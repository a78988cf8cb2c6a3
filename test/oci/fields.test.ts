import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { invalidField, knownFields, parseFields } from '../../src/oci/fields.js'

const known = knownFields('layers', 'config', 'mediaType')
const refused = (error: unknown): boolean =>
  isHearthError(error, 'MANIFEST_INVALID') && error.details.where === 'manifest'

describe('parseFields', () => {
  it('gives the object itself, unknown members included', () => {
    const value = { layers: [], 'x-other': 1, configs: 2 }
    assert.equal(parseFields(value, 'manifest', known), value)
  })

  for (const value of [undefined, null, 1, 'text', true, [], [{}]]) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseFields(value, 'manifest', known), refused)
    })
  }

  for (const name of ['Layers', 'LAYERS', 'layer\u017f', 'mediatype', 'MediaType', 'CONFIG']) {
    it(`refuses ${JSON.stringify(name)}, which Go reads as a known name, beside the real one or alone`, () => {
      assert.throws(() => parseFields({ [name]: 1 }, 'manifest', known), refused)
      assert.throws(() => parseFields({ layers: 1, config: 1, mediaType: 1, [name]: 1 }, 'manifest', known), refused)
    })
  }

  it('folds the Kelvin sign as Go does', () => {
    assert.throws(() => parseFields({ '\u212aey': 1 }, 'manifest', knownFields('key')), refused)
  })
})

describe('invalidField', () => {
  it('names the field in message and details', () => {
    const error = invalidField('layers[3]', 'is not an object')
    assert.ok(isHearthError(error, 'MANIFEST_INVALID'))
    assert.deepEqual(error.details, { where: 'layers[3]' })
    assert.ok(error.message.includes('layers[3]'))
  })
})
