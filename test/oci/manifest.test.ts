import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { type ParsedManifest, parseManifest, successors } from '../../src/oci/manifest.js'
import {
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from '../../src/oci/media-type.js'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const bytesOf = (value: unknown): Uint8Array => utf8(JSON.stringify(value))
const describing = async (mediaType: string, content: string): Promise<Descriptor> => ({
  mediaType,
  digest: await digestBytes(utf8(content)),
  size: utf8(content).length,
})

const config = await describing(OCI_CONFIG, 'config')
const base = await describing(OCI_LAYER_GZIP, 'base')
const app = await describing(OCI_LAYER_GZIP, 'application')
const amd64 = { ...(await describing(OCI_MANIFEST, 'amd64')), platform: { os: 'linux', architecture: 'amd64' } }
const arm64 = { ...(await describing(OCI_MANIFEST, 'arm 64')), platform: { os: 'linux', architecture: 'arm64' } }

const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [base, app] }
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [amd64, arm64] }
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws'

const without = (document: object, ...names: readonly string[]): object =>
  Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name)))
const names = (where: string) => (error: unknown) =>
  isHearthError(error, 'MANIFEST_INVALID') && error.details.where === where
const refused = (error: unknown): boolean => isHearthError(error, 'MANIFEST_INVALID')

describe('parseManifest', () => {
  it('reads an image manifest', () => {
    assert.deepEqual(parseManifest(bytesOf(manifest), OCI_MANIFEST), {
      kind: 'manifest',
      mediaType: OCI_MANIFEST,
      config,
      layers: [base, app],
    })
  })

  it('reads an index, platforms included', () => {
    assert.deepEqual(parseManifest(bytesOf(index), OCI_INDEX), {
      kind: 'index',
      mediaType: OCI_INDEX,
      manifests: [amd64, arm64],
    })
  })

  it('reads Docker\u2019s manifest and manifest list', () => {
    const docker = {
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: { ...config, mediaType: DOCKER_CONFIG },
      layers: [{ ...base, mediaType: DOCKER_LAYER_GZIP }],
    }
    assert.equal(parseManifest(bytesOf(docker), DOCKER_MANIFEST).kind, 'manifest')
    assert.equal(parseManifest(bytesOf({ ...index, mediaType: DOCKER_INDEX }), DOCKER_INDEX).kind, 'index')
  })

  it('reads an artifact with subject, artifact type and annotations', () => {
    const artifact = {
      ...manifest,
      config: { ...config, mediaType: OCI_EMPTY },
      artifactType: 'application/vnd.x.sbom+json',
      subject: without(amd64, 'platform'),
      annotations: { 'org.opencontainers.image.created': '2024-01-01T00:00:00Z' },
    }
    const parsed = parseManifest(bytesOf(artifact), OCI_MANIFEST)
    assert.deepEqual(parsed, { kind: 'manifest', ...without(artifact, 'schemaVersion') })
    const { artifactType, subject, annotations } = artifact
    const list = parseManifest(bytesOf({ ...index, artifactType, subject, annotations }), OCI_INDEX)
    assert.deepEqual(list, { kind: 'index', ...without(index, 'schemaVersion'), artifactType, subject, annotations })
  })

  it('takes an empty list, also as Go writes it', () => {
    for (const empty of [[], null]) {
      assert.deepEqual(successors(parseManifest(bytesOf({ ...index, manifests: empty }), OCI_INDEX)), [])
      assert.deepEqual(successors(parseManifest(bytesOf({ ...manifest, layers: empty }), OCI_MANIFEST)), [config])
    }
  })

  it('takes null for every optional member', () => {
    const nulls = { artifactType: null, subject: null, annotations: null, mediaType: null }
    assert.deepEqual(
      parseManifest(bytesOf({ ...index, ...nulls }), OCI_INDEX),
      parseManifest(bytesOf(index), OCI_INDEX),
    )
  })

  it('does not change the bytes', () => {
    const bytes = bytesOf(manifest)
    const before = bytes.slice()
    parseManifest(bytes, OCI_MANIFEST)
    assert.deepEqual(bytes, before)
  })
})

describe('the type of a manifest', () => {
  const DOCUMENTS = { index: without(index, 'mediaType'), manifest: without(manifest, 'mediaType') }
  const KINDS = {
    [OCI_INDEX]: 'index',
    [DOCKER_INDEX]: 'index',
    [OCI_MANIFEST]: 'manifest',
    [DOCKER_MANIFEST]: 'manifest',
  }
  const TYPES = [undefined, ...Object.keys(KINDS)]

  // Every declared type with every type inside, on both shapes: it must read as its shape, or be refused.
  for (const declared of TYPES) {
    for (const inside of TYPES) {
      for (const [shape, document] of Object.entries(DOCUMENTS)) {
        const agree = declared === undefined || inside === undefined || declared === inside
        const type = declared ?? inside ?? (shape === 'index' ? OCI_INDEX : OCI_MANIFEST)
        const fits = agree && KINDS[type as keyof typeof KINDS] === shape
        it(`${fits ? 'is' : 'is refused as'} ${type}: announced ${declared}, inside ${inside}, shaped like an ${shape}`, () => {
          const bytes = bytesOf(inside === undefined ? document : { ...document, mediaType: inside })
          if (fits) {
            const parsed = parseManifest(bytes, declared)
            assert.deepEqual([parsed.kind, parsed.mediaType], [shape, type])
          } else assert.throws(() => parseManifest(bytes, declared), refused)
        })
      }
    }
  }

  it('may be announced with parameters, in any case, or not usefully at all', () => {
    for (const declared of [`${OCI_INDEX}; charset=utf-8`, OCI_INDEX.toUpperCase(), 'application/json', 'text/plain']) {
      assert.equal(parseManifest(bytesOf(index), declared).mediaType, OCI_INDEX)
    }
  })

  it('that is announced and unknown makes the document opaque, unread', () => {
    for (const bytes of [bytesOf(manifest), utf8('<html>'), new Uint8Array()]) {
      assert.deepEqual(parseManifest(bytes, 'Text/HTML; charset=utf-8'), { kind: 'opaque', mediaType: 'text/html' })
    }
  })

  it('that is unknown and stands in the document alone makes it opaque', () => {
    const mediaType = 'application/vnd.oci.artifact.manifest.v1+json'
    assert.deepEqual(parseManifest(bytesOf({ mediaType, blobs: [] }), undefined), { kind: 'opaque', mediaType })
  })

  it('must be a media type', () => {
    for (const mediaType of ['x', 1, {}, `${OCI_INDEX};a=b`]) {
      assert.throws(() => parseManifest(bytesOf({ ...index, mediaType }), undefined), names('mediaType'))
    }
  })

  it('must be told somehow', () => {
    for (const document of [{}, { schemaVersion: 2 }, { config }, { layers: [] }, { layers: [base], blobs: [] }]) {
      assert.throws(() => parseManifest(bytesOf(document), undefined), names('mediaType'))
    }
  })
})

describe('a manifest that two readers could take for different things', () => {
  const MIXED = [
    { ...index, layers: [base] },
    { ...index, layers: [] },
    { ...index, layers: null },
    { ...index, config },
    { ...manifest, manifests: [amd64] },
    { ...manifest, manifests: [] },
    { ...manifest, manifests: null },
    { ...index, ...manifest },
    { ...manifest, ...index },
    { ...manifest, fsLayers: [] },
    { ...index, fsLayers: [] },
  ]
  for (const document of MIXED) {
    it(`is refused: ${Object.keys(document)} as ${document.mediaType}`, () => {
      for (const declared of [document.mediaType, undefined]) {
        assert.throws(() => parseManifest(bytesOf(document), declared), refused)
        assert.throws(() => parseManifest(bytesOf(without(document, 'mediaType')), declared), refused)
      }
    })
  }

  it('is refused when a member is there twice, escaped or not', () => {
    const text = JSON.stringify(index)
    for (const member of ['"mediaType":"x/y"', '"manifests":[]', '"m\\u0061nifests":[]']) {
      assert.throws(() => parseManifest(utf8(`{${member},${text.slice(1)}`), OCI_INDEX), refused)
    }
  })

  it('is refused when a case-blind reader would see another member', () => {
    for (const name of ['Manifests', 'LAYERS', 'layer\u017f', 'Config', 'mediatype', 'Subject', 'FSLayers']) {
      assert.throws(() => parseManifest(bytesOf({ ...index, [name]: [] }), OCI_INDEX), names('manifest'))
    }
    const layer = { ...base, Size: 1 }
    assert.throws(() => parseManifest(bytesOf({ ...manifest, layers: [layer] }), OCI_MANIFEST), names('layers[0]'))
  })

  it('is refused when one digest has two sizes', () => {
    const longer = { ...base, size: base.size + 1 }
    assert.throws(
      () => parseManifest(bytesOf({ ...manifest, layers: [base, longer] }), OCI_MANIFEST),
      names(base.digest),
    )
    const other = { ...config, size: config.size + 1 }
    assert.throws(() => parseManifest(bytesOf({ ...manifest, layers: [other] }), OCI_MANIFEST), names(config.digest))
    const list = { ...index, manifests: [amd64, { ...amd64, size: 1 }] }
    assert.throws(() => parseManifest(bytesOf(list), OCI_INDEX), names(amd64.digest))
  })
})

describe('Docker schema 1', () => {
  const schema1 = { schemaVersion: 1, name: 'library/redis', tag: 'latest', fsLayers: [], history: [], signatures: [] }

  it('is refused, however it is announced', () => {
    for (const declared of [
      SCHEMA_1,
      SCHEMA_1.replace('prettyjws', 'json'),
      'application/json',
      undefined,
      OCI_INDEX,
    ]) {
      assert.throws(() => parseManifest(bytesOf(schema1), declared), names('schemaVersion'))
    }
    assert.throws(() => parseManifest(bytesOf({ ...schema1, mediaType: SCHEMA_1 }), undefined), names('schemaVersion'))
  })
})

describe('a manifest that is wrong', () => {
  const BAD: readonly (readonly [string, unknown, string])[] = [
    ['is a list', [], 'manifest'],
    ['is null', null, 'manifest'],
    ['is text', 'manifest', 'manifest'],
    ['has another schema version', { ...manifest, schemaVersion: 3 }, 'schemaVersion'],
    ['has its schema version as text', { ...manifest, schemaVersion: '2' }, 'schemaVersion'],
    ['has no layers', without(manifest, 'layers'), 'layers'],
    ['has no config', without(manifest, 'config'), 'config'],
    ['has null for a config', { ...manifest, config: null }, 'config'],
    ['has layers that are no list', { ...manifest, layers: { 0: base } }, 'layers'],
    ['has a layer that is null', { ...manifest, layers: [base, null] }, 'layers[1]'],
    ['has a layer without digest', { ...manifest, layers: [base, without(app, 'digest')] }, 'layers[1].digest'],
    ['has a negative size', { ...manifest, config: { ...config, size: -1 } }, 'config.size'],
    ['has a size beyond 2^53', { ...manifest, config: { ...config, size: 2 ** 60 } }, 'config.size'],
    ['has a wrong subject', { ...manifest, subject: { ...amd64, mediaType: '' } }, 'subject.mediaType'],
    ['has annotations that are no text', { ...manifest, annotations: { a: 1 } }, 'annotations["a"]'],
    ['has an artifact type that is no text', { ...manifest, artifactType: {} }, 'artifactType'],
  ]
  for (const [what, document, where] of BAD) {
    it(`is refused when it ${what}, naming ${where}`, () => {
      assert.throws(() => parseManifest(bytesOf(document), OCI_MANIFEST), names(where))
    })
  }

  it('is refused when an index has none of its own', () => {
    assert.throws(() => parseManifest(bytesOf(without(index, 'manifests')), OCI_INDEX), names('manifests'))
    const entry = { ...amd64, platform: { architecture: 'amd64', os: [] } }
    assert.throws(
      () => parseManifest(bytesOf({ ...index, manifests: [entry] }), OCI_INDEX),
      names('manifests[0].platform.os'),
    )
  })

  it('is refused when it is not JSON', () => {
    for (const text of ['', '<html>', '{', '\ufeff{}']) {
      assert.throws(() => parseManifest(utf8(text), OCI_MANIFEST), refused)
      assert.throws(() => parseManifest(utf8(text), undefined), refused)
    }
  })

  it('is taken with 10,000 layers and refused with one more', () => {
    const layers = Array.from({ length: 10_000 }, () => base)
    const parsed = parseManifest(bytesOf({ ...manifest, layers }), OCI_MANIFEST)
    assert.deepEqual(successors(parsed), [config, base])
    assert.throws(
      () => parseManifest(bytesOf({ ...manifest, layers: [...layers, base] }), OCI_MANIFEST),
      names('layers'),
    )
  })

  it('pollutes no prototype', () => {
    const text = `{"__proto__":{"polluted":1},${JSON.stringify(manifest).slice(1)}`
    const parsed = parseManifest(utf8(text), OCI_MANIFEST)
    assert.equal((parsed as { polluted?: number }).polluted, undefined)
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })

  it('makes parseManifest throw nothing but MANIFEST_INVALID', () => {
    const declared = fc.constantFrom(undefined, OCI_INDEX, OCI_MANIFEST, 'a/b', '')
    const broken = fc.tuple(
      fc.constantFrom<object>(index, manifest),
      fc.dictionary(fc.constantFrom(...Object.keys({ ...index, ...manifest })), fc.jsonValue()),
    )
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.jsonValue().map(bytesOf),
      broken.map(([document, changes]) => bytesOf({ ...document, ...changes })),
    )
    fc.assert(
      fc.property(bytes, declared, (any, type) => {
        try {
          successors(parseManifest(any, type))
        } catch (error) {
          if (!refused(error)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('successors', () => {
  const parse = (document: object): ParsedManifest => parseManifest(bytesOf(document), undefined)

  it('of an index are its manifests', () => {
    assert.deepEqual(successors(parse(index)), [amd64, arm64])
  })

  it('of a manifest are the config, then the layers, in order', () => {
    assert.deepEqual(successors(parse(manifest)), [config, base, app])
  })

  it('do not include the subject', () => {
    assert.deepEqual(successors(parse({ ...index, subject: base })), [amd64, arm64])
  })

  it('name each digest once', () => {
    assert.deepEqual(successors(parse({ ...manifest, layers: [base, app, base, config] })), [config, base, app])
    const twin = { ...amd64, platform: { os: 'linux', architecture: 's390x' } }
    assert.deepEqual(successors(parse({ ...index, manifests: [amd64, twin] })), [amd64])
  })

  it('of an opaque manifest are none', () => {
    assert.deepEqual(successors({ kind: 'opaque', mediaType: 'a/b' }), [])
  })
})
