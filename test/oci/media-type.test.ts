import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as types from '../../src/oci/media-type.js'

const { declaredType, isAmongManifests, isIndexType, isManifestType, isMediaType, isSchema1Type } = types
const constants = Object.values(types)
  .filter((value) => typeof value === 'string')
  .sort()

describe('media types', () => {
  it('are media types', () => {
    assert.ok(constants.length >= 10)
    for (const type of constants) assert.ok(isMediaType(type), type)
  })

  it('are index, manifest or neither, never both', () => {
    const kinds = (type: string) =>
      [isIndexType(type), isManifestType(type), isSchema1Type(type)].filter(Boolean).length
    assert.deepEqual(constants.filter(isIndexType), [types.DOCKER_INDEX, types.OCI_INDEX])
    assert.deepEqual(constants.filter(isManifestType), [types.DOCKER_MANIFEST, types.OCI_MANIFEST])
    assert.ok(constants.every((type) => kinds(type) <= 1))
  })

  it('that are accepted are those that can be read', () => {
    assert.ok(types.MANIFEST_ACCEPT.every((type) => isIndexType(type) || isManifestType(type)))
    assert.equal(new Set(types.MANIFEST_ACCEPT).size, 4)
  })

  it('know both spellings of schema 1', () => {
    for (const suffix of ['json', 'prettyjws']) {
      assert.ok(isSchema1Type(`application/vnd.docker.distribution.manifest.v1+${suffix}`))
    }
  })
})

describe('isMediaType', () => {
  for (const text of ['a/b', 'application/vnd.x-y_z.v1+json', `${'a'.repeat(127)}/${'b'.repeat(127)}`]) {
    it(`takes ${text.slice(0, 40)}`, () => assert.ok(isMediaType(text)))
  }
  const bad = ['', '/', 'a', 'a/', '/b', 'a/b/c', 'a/b;c=d', 'a /b', 'a/b\n', '+a/b', 'a/\u00e9', undefined, null, 1]
  for (const value of [...bad, `${'a'.repeat(128)}/b`]) {
    it(`refuses ${JSON.stringify(value)?.slice(0, 40)}`, () => assert.ok(!isMediaType(value)))
  }
})

describe('isAmongManifests', () => {
  it('knows what registries keep with their manifests, also of artifacts', () => {
    for (const type of constants) {
      const isOne = isIndexType(type) || isManifestType(type)
      assert.equal(isAmongManifests(type), isOne, type)
    }
    for (const type of [
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      'application/vnd.oci.artifact.manifest.v1+json',
      'application/vnd.cncf.oras.artifact.manifest.v1+json',
    ]) {
      assert.ok(isAmongManifests(type), type)
    }
  })

  it('takes all else for blobs', () => {
    const blobs = ['application/vnd.buildkit.cacheconfig.v0', 'application/xml', 'application/json', 'text/plain']
    for (const type of [...blobs, 'application/octet-stream', 'application/vnd.example.manifesto']) {
      assert.ok(!isAmongManifests(type), type)
    }
  })
})

describe('declaredType', () => {
  const index = types.OCI_INDEX
  const TABLE: readonly (readonly [string | undefined, string | undefined])[] = [
    [index, index],
    [`${index}; charset=utf-8`, index],
    [`${index};charset="a;b"`, index],
    [`  ${index}  `, index],
    [index.toUpperCase(), index],
    ['text/html', 'text/html'],
    ['application/octet-stream', 'application/octet-stream'],
    ['application/json', undefined],
    ['Application/JSON; charset=utf-8', undefined],
    ['text/plain', undefined],
    ['', undefined],
    [';', undefined],
    ['garbage', undefined],
    ['a/b, c/d', undefined],
    [undefined, undefined],
  ]
  for (const [given, expected] of TABLE) {
    it(`reads ${JSON.stringify(given)} as ${expected}`, () => assert.equal(declaredType(given), expected))
  }
})
