import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { announcedDescriptor, demandSame, manifestType, readAnnounced } from '../../src/registry/manifest-answer.js'
import { WHERE } from './support-wire.js'

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

describe('readAnnounced', async () => {
  const digest = await digestBytes(bytes('x'))

  it('reads type, digest and size', () => {
    const headers = { 'content-type': OCI_INDEX, 'docker-content-digest': digest, 'content-length': '7' }
    assert.deepEqual(readAnnounced(headers, WHERE), { mediaType: OCI_INDEX, digest, size: 7 })
  })

  it('strips parameters and case from the type', () => {
    assert.equal(
      readAnnounced({ 'content-type': `${OCI_INDEX.toUpperCase()} ; charset=utf-8` }, WHERE).mediaType,
      OCI_INDEX,
    )
  })

  it('leaves out what is missing, vague, twice or broken', () => {
    for (const headers of [
      {},
      { 'content-type': 'application/json' },
      { 'content-type': 'text/plain; charset=utf-8' },
      { 'content-type': 'application/octet-stream' },
      { 'content-type': 'nonsense' },
      { 'content-type': [OCI_INDEX, OCI_MANIFEST] },
      { 'docker-content-digest': 'sha256:../../etc' },
      { 'docker-content-digest': `${digest}\n` },
      { 'content-length': '-1' },
      { 'content-length': '0' },
      { 'content-length': '1e3' },
    ]) {
      assert.deepEqual(readAnnounced(headers, WHERE), {}, JSON.stringify(headers))
    }
  })

  it('calls a web page one', () => {
    assert.throws(
      () => readAnnounced({ 'content-type': 'text/html; charset=utf-8' }, WHERE),
      (error) => isHearthError(error, 'PROTOCOL_ERROR'),
    )
  })

  it('refuses schema 1', () => {
    assert.throws(
      () => readAnnounced({ 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }, WHERE),
      (error) => isHearthError(error, 'UNSUPPORTED'),
    )
  })
})

describe('announcedDescriptor', async () => {
  const [digest, other] = await Promise.all(['x', 'y'].map((text) => digestBytes(bytes(text))))
  const sha512 = await digestBytes(bytes('x'), 'sha512')
  const whole = { mediaType: OCI_INDEX, size: 7, digest: digest as never }

  it('needs type, size and digest', () => {
    assert.deepEqual(announcedDescriptor(whole, undefined, WHERE), whole)
    for (const name of ['mediaType', 'size', 'digest']) {
      assert.equal(announcedDescriptor({ ...whole, [name]: undefined } as never, undefined, WHERE), undefined)
    }
  })

  it('knows the digest when it was asked for', () => {
    const { digest: _, ...silent } = whole
    assert.deepEqual(announcedDescriptor(silent, digest, WHERE), whole)
    assert.equal(announcedDescriptor(whole, sha512, WHERE)?.digest, sha512)
  })

  it('refuses another digest than asked', () => {
    assert.throws(
      () => announcedDescriptor(whole, other, WHERE),
      (error) => isHearthError(error, 'DIGEST_MISMATCH') && error.details.expected === other,
    )
  })

  it('compares within one algorithm alone', () => assert.doesNotThrow(() => demandSame(sha512, digest as never, WHERE)))
})

describe('manifestType', () => {
  it('is what the header says', () =>
    assert.equal(manifestType(bytes({ mediaType: OCI_INDEX }), OCI_MANIFEST, WHERE), OCI_MANIFEST))

  it('is what the document says, else what it looks like, when the header does not tell', () => {
    assert.equal(manifestType(bytes({ mediaType: 'application/x.custom' }), undefined, WHERE), 'application/x.custom')
    assert.equal(manifestType(bytes({ manifests: [] }), undefined, WHERE), OCI_INDEX)
    assert.equal(manifestType(bytes({ layers: [] }), undefined, WHERE), OCI_MANIFEST)
    assert.equal(manifestType(bytes({ layers: [], mediaType: 'no type' }), undefined, WHERE), OCI_MANIFEST)
  })

  for (const body of ['', '{', '{"layers":[', 'null', '7', '[]', '"x"', '\ufeff{}', '{}']) {
    it(`finds no manifest in ${JSON.stringify(body)}`, () => {
      assert.throws(
        () => manifestType(bytes(body), undefined, WHERE),
        (error) => isHearthError(error, 'MANIFEST_INVALID'),
      )
    })
  }

  it('finds none in bytes that are no UTF-8', () => {
    assert.throws(
      () => manifestType(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), OCI_INDEX, WHERE),
      (error) => isHearthError(error, 'MANIFEST_INVALID'),
    )
  })

  it('calls a web page one, whatever its header says', () => {
    for (const page of ['<html>', ' \n<!DOCTYPE html><html>', '<?xml version="1.0"?>']) {
      assert.throws(
        () => manifestType(bytes(page), OCI_INDEX, WHERE),
        (error) => isHearthError(error, 'PROTOCOL_ERROR'),
      )
    }
  })
})
