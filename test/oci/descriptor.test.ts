import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import { parseAnnotations, parseDescriptor, parseOptional, parseText } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { parseStrictJson } from '../../src/oci/strict-json.js'

const digest = await digestBytes(new TextEncoder().encode('layer'))
const good = { mediaType: OCI_LAYER, digest, size: 5 }
const names = (where: string) => (error: unknown) =>
  isHearthError(error, 'MANIFEST_INVALID') && error.details.where === where

describe('parseDescriptor', () => {
  it('keeps everything hearth reads', () => {
    const full = {
      ...good,
      mediaType: OCI_MANIFEST,
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      annotations: { a: 'b', '': '' },
      artifactType: 'application/vnd.x+json',
    }
    assert.deepEqual(parseDescriptor(full, 'x'), full)
  })

  it('takes a blob of no bytes and one of 2^53 - 1', () => {
    assert.equal(parseDescriptor({ ...good, size: 0 }, 'x').size, 0)
    assert.equal(parseDescriptor({ ...good, size: Number.MAX_SAFE_INTEGER }, 'x').size, Number.MAX_SAFE_INTEGER)
  })

  it('drops foreign places and embedded bytes, and members it does not know', () => {
    const foreign = { ...good, urls: ['https://evil.example/layer'], data: 'bGF5ZXI=', extra: {} }
    assert.deepEqual(parseDescriptor(foreign, 'x'), good)
  })

  it('takes null for absent, as Go writes it', () => {
    assert.deepEqual(parseDescriptor({ ...good, platform: null, annotations: null, artifactType: null }, 'x'), good)
  })

  const BAD: readonly (readonly [unknown, string])[] = [
    [null, 'x'],
    [[], 'x'],
    [digest, 'x'],
    [{}, 'x.mediaType'],
    [{ ...good, mediaType: undefined }, 'x.mediaType'],
    [{ ...good, mediaType: '' }, 'x.mediaType'],
    [{ ...good, mediaType: 'text' }, 'x.mediaType'],
    [{ ...good, mediaType: `${OCI_LAYER}; a=b` }, 'x.mediaType'],
    [{ ...good, mediaType: `${OCI_LAYER}\r\nX: y` }, 'x.mediaType'],
    [{ ...good, mediaType: [OCI_LAYER] }, 'x.mediaType'],
    [{ ...good, digest: undefined }, 'x.digest'],
    [{ ...good, digest: 'sha256:../../x' }, 'x.digest'],
    [{ ...good, digest: digest.toUpperCase() }, 'x.digest'],
    [{ ...good, digest: `${digest}\n` }, 'x.digest'],
    [{ ...good, digest: 'md5:d41d8cd98f00b204e9800998ecf8427e' }, 'x.digest'],
    [{ ...good, digest: [digest] }, 'x.digest'],
    [{ ...good, size: undefined }, 'x.size'],
    [{ ...good, size: -1 }, 'x.size'],
    [{ ...good, size: 1.5 }, 'x.size'],
    [{ ...good, size: '5' }, 'x.size'],
    [{ ...good, size: null }, 'x.size'],
    [{ ...good, size: 2 ** 53 }, 'x.size'],
    [{ ...good, size: Number.NaN }, 'x.size'],
    [{ ...good, platform: 'linux/amd64' }, 'x.platform'],
    [{ ...good, platform: { os: 1 } }, 'x.platform.os'],
    [{ ...good, annotations: ['a'] }, 'x.annotations'],
    [{ ...good, annotations: { a: 1 } }, 'x.annotations["a"]'],
    [{ ...good, annotations: { 'a\n': null } }, 'x.annotations["a\\n"]'],
    [{ ...good, artifactType: 1 }, 'x.artifactType'],
    [{ ...good, Digest: digest }, 'x'],
    [{ ...good, SIZE: 6 }, 'x'],
  ]
  for (const [value, where] of BAD) {
    it(`refuses ${JSON.stringify(value).slice(-60)}, naming ${where}`, () => {
      assert.throws(() => parseDescriptor(value, 'x'), names(where))
    })
  }

  it('is the identity on what it made, and throws nothing but MANIFEST_INVALID', () => {
    const any = fc.record(
      {
        mediaType: fc.oneof(fc.constant(OCI_LAYER), fc.string()),
        digest: fc.oneof(fc.constant(digest), fc.string()),
        size: fc.oneof(fc.maxSafeNat(), fc.double()),
        platform: fc.oneof(fc.constant({ os: 'linux' }), fc.jsonValue()),
        annotations: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.jsonValue()),
      },
      { requiredKeys: ['mediaType', 'digest', 'size'] },
    )
    fc.assert(
      fc.property(fc.oneof(any, fc.jsonValue()), (value) => {
        try {
          const descriptor = parseDescriptor(value, 'x')
          assert.deepEqual(parseDescriptor(descriptor, 'x'), descriptor)
        } catch (error) {
          if (!isHearthError(error, 'MANIFEST_INVALID')) throw error
        }
      }),
    )
  })
})

describe('parseAnnotations', () => {
  it('keeps an annotation named __proto__ as an annotation', () => {
    const hostile = new TextEncoder().encode('{"__proto__":"x","constructor":"y"}')
    const annotations = parseAnnotations(parseStrictJson(hostile, { what: 'test' }), 'annotations')
    assert.deepEqual(Object.entries(annotations), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    assert.equal(Object.getPrototypeOf(annotations), Object.prototype)
  })

  it('keeps names that differ in case', () => {
    assert.deepEqual(parseAnnotations({ a: '1', A: '2' }, 'annotations'), { a: '1', A: '2' })
  })

  it('does not keep the caller\u2019s object', () => {
    const given = { a: '1' }
    assert.notEqual(parseAnnotations(given, 'annotations'), given)
  })
})

describe('parseText', () => {
  it('takes any text and nothing else', () => {
    assert.equal(parseText('', 'x'), '')
    for (const value of [undefined, null, 1, {}, ['a']]) assert.throws(() => parseText(value, 'x'), names('x'))
  })
})

describe('parseOptional', () => {
  it('asks the parser only when something is there', () => {
    assert.equal(parseOptional(undefined, 'x', parseText), undefined)
    assert.equal(parseOptional(null, 'x', parseText), undefined)
    assert.equal(parseOptional('', 'x', parseText), '')
    assert.throws(() => parseOptional(0, 'x', parseText), names('x'))
  })
})
