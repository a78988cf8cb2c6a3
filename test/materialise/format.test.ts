import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { FORMAT_VERSION, parseFormat, parseOciLayout } from '../../src/materialise/format.js'
import { OCI_LAYOUT_BYTES } from '../../src/oci/image-layout.js'

describe('format.json', () => {
  it('of our version is ours', () => {
    assert.deepEqual(parseFormat(JSON.stringify({ version: FORMAT_VERSION, id: 'x' })), { version: 1, id: 'x' })
  })

  it('of a newer version is not touched', () => {
    const newer = JSON.stringify({ version: FORMAT_VERSION + 1, id: 'x', more: true })
    assert.throws(
      () => parseFormat(newer),
      (error) => isHearthError(error, 'FORMAT_UNSUPPORTED'),
    )
  })

  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"id":"x"}',
    '{"version":"1","id":"x"}',
    '{"version":0,"id":"x"}',
    '{"version":1}',
  ]) {
    it(`is damaged when it reads ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseFormat(text),
        (error) => isHearthError(error, 'LAYOUT_INVALID'),
      )
    })
  }
})

describe('oci-layout', () => {
  it('of version 1.0.0 is an image layout', () => {
    parseOciLayout(OCI_LAYOUT_BYTES)
    parseOciLayout('{"imageLayoutVersion": "1.0.0"}\n')
  })

  for (const text of ['', 'null', '{}', '{"imageLayoutVersion":"2.0.0"}', '{"imageLayoutVersion":1}']) {
    it(`is none when it reads ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseOciLayout(text),
        (error) => isHearthError(error, 'LAYOUT_INVALID'),
      )
    })
  }
})
