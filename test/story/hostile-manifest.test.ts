import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { renderPull } from '../../src/commands/pull.js'
import type { ErrorCode } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { MAX_MANIFEST_BYTES } from '../../src/oci/manifest.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { aRawImage, documentOf } from '../support/a-raw-image.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import * as steps from '../support/raw-steps.js'
import { pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

interface Described {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

let image: BuiltImage
let document: Record<string, unknown>
let layer: Described
before(async () => {
  image = await anImage({ layers: [{ bytes: 3000 }] })
  document = documentOf(image)
  layer = (document.layers as Described[])[0] ?? assert.fail()
})

/** The document as text, with one member more at its end. */
const plus = (text: string) => JSON.stringify(document).replace(/\}$/, `,${text}}`)
const withLayer = (changes: object) => ({ ...document, layers: [{ ...layer, ...changes }] })
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

/** RELIABILITY 7.2 D4 to D9. */
describe('a hostile manifest', { concurrency: 8 }, () => {
  const INVALID: Readonly<Record<string, () => object | string | Uint8Array>> = {
    'with a member twice': () => plus('"layers":[]'),
    'with a member twice, once escaped': () => plus('"l\\u0061yers":[]'),
    'with its type twice': () => plus(`"mediaType":"${OCI_INDEX}"`),
    'with a member twice within a layer': () => plus('"annotations":{"a":"b","a":"c"}'),
    'with a member in another case': () => plus('"Layers":[]'),
    'that is an index as well': () => ({ ...document, manifests: [] }),
    'that says it is an index': () => ({ ...document, mediaType: OCI_INDEX }),
    'without layers': () => ({ ...document, layers: undefined }),
    'whose layers are a member of __proto__': () =>
      plus('"__proto__":{"layers":[]}').replace(/"layers":\[[^\]]*\],/, ''),
    'nested more deeply than anybody needs': () => plus(`"annotations":{"a":${nested(65)}}`),
    'nested 100,000 times': () => plus(`"x":${nested(100_000)}`),
    'with 100,000 layers': () => ({ ...document, layers: Array.from({ length: 100_000 }, () => ({})) }),
    'with 10,001 layers': () => ({ ...document, layers: Array.from({ length: 10_001 }, () => layer) }),
    'of which a layer has no size': () => withLayer({ size: undefined }),
    'of which a layer has a negative size': () => withLayer({ size: -1 }),
    'of which a layer has a size of 2^53': () => withLayer({ size: 2 ** 53 }),
    'of which a layer has an endless size': () => JSON.stringify(withLayer({})).replace(/"size":\d+/g, '"size":1e400'),
    'of which a layer has half a byte': () => withLayer({ size: 1.5 }),
    'of which a layer has its size in quotes': () => withLayer({ size: '3000' }),
    'of which a layer has two sizes': () => ({ ...document, layers: [layer, { ...layer, size: 1 }] }),
    'with a byte order mark': () =>
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(document))]),
    'that is no UTF-8': () => Buffer.from(JSON.stringify({ ...document, x: 'é' }), 'latin1'),
    'that goes on after its end': () => `${JSON.stringify(document)}{}`,
    'that breaks off': () => JSON.stringify(document).slice(0, -1),
    'that is empty': () => '',
    'that is null': () => 'null',
    'that is a list': () => '[]',
    'of nothing': () => '{}',
    'of Docker’s schema 1': () => ({ ...document, schemaVersion: 1 }),
  }
  for (const [what, rootOf] of Object.entries(INVALID)) {
    it(`${what} is MANIFEST_INVALID`, () =>
      withPull({}, async ({ registry, cache }) => {
        const name = registry.add(await aRawImage(rootOf(), { of: [image] }), 'app', 'v1')
        const started = performance.now()
        await refused(cache, name, 'MANIFEST_INVALID')
        assert.ok(performance.now() - started < 5000)
        assert.equal(registry.requests.length, 1)
        assert.equal(cache.log.state.references.size, 0)
      }))
  }

  it('changes nothing outside itself by the name of __proto__', () =>
    withPull({}, async ({ registry, cache }) => {
      const text = plus('"annotations":{"__proto__":"x"},"__proto__":{"polluted":true},"constructor":{"polluted":true}')
      await pulled(cache, registry.add(await aRawImage(text, { of: [image] }), 'app', 'v1'))
      assert.equal(({} as Record<string, unknown>).polluted, undefined)
    }))

  const SIZES: Readonly<Record<string, readonly [(size: number) => number, ErrorCode]>> = {
    'no byte': [() => 0, 'DIGEST_MISMATCH'],
    'one byte less': [(size) => size - 1, 'SIZE_MISMATCH'],
    // What ends early may be the line's fault: it is tried again, but not for ever.
    'one byte more': [(size) => size + 1, 'CONNECTION_LOST'],
    'a petabyte': [() => 1e15, 'CONNECTION_LOST'],
  }
  for (const [what, [sizeOf, code]] of Object.entries(SIZES)) {
    it(`that claims ${what} for a layer is ${code}`, () =>
      withPull({ retry: { retries: 2 } }, async ({ registry, cache }) => {
        // Without a length the registry itself is no help.
        registry.always({ kind: 'blob' }, steps.chunked())
        const lying = await aRawImage(withLayer({ size: sizeOf(layer.size) }), { of: [image] })
        await refused(cache, registry.add(lying, 'app', 'v1'), code)
        assert.equal(cache.log.state.references.size, 0)
        assert.ok(!(await soundBlobs(cache)).has(layer.digest as never))
      }))
  }

  it('with the data of a layer in it gets the layer, not the data', () =>
    withPull({}, async ({ registry, cache }) => {
      const data = Buffer.alloc(layer.size, 'x').toString('base64')
      await pulled(cache, registry.add(await aRawImage(withLayer({ data }), { of: [image] }), 'app', 'v1'))
      assert.ok((await soundBlobs(cache)).has(layer.digest as never))
    }))

  it('with one layer 10,000 times gets it once', () =>
    withPull({}, async ({ registry, cache }) => {
      const layers = Array.from({ length: 10_000 }, () => layer)
      await pulled(cache, registry.add(await aRawImage({ ...document, layers }, { of: [image] }), 'app', 'v1'))
      assert.deepEqual([...registry.blobRequests().values()], [1, 1])
    }))

  it('cannot move a terminal: what it says of itself is printed escaped', () =>
    withPull({}, async ({ registry, cache }) => {
      const config = Buffer.from(JSON.stringify({ architecture: 'amd64\u001b[2J', os: 'linux\u202e', rootfs: {} }))
      const described = { ...(document.config as Described), digest: await digestBytes(config), size: config.length }
      const made = await aRawImage({ ...document, config: described }, { of: [image] })
      const name = registry.add({ ...made, blobs: new Map([...made.blobs, [described.digest, config]]) }, 'app', 'v1')
      const { results } = await cache.pull([name])
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
      assert.doesNotMatch(JSON.stringify(renderPull({ results })), /[\u0000-\u001f\u202e]|\\u202e|\\u001b\[/)
    }))
})

/** RELIABILITY 7.2 D6. */
describe('a manifest as large as it may be', { concurrency: 4 }, () => {
  const sized = (bytes: number) => {
    const text = plus('"annotations":{"a":""}')
    return text.replace(/""\}\}$/, `"${'x'.repeat(bytes - text.length)}"}}`)
  }
  for (const framing of ['announced', 'chunked'] as const) {
    for (const [bytes, fits] of [
      [MAX_MANIFEST_BYTES - 1, true],
      [MAX_MANIFEST_BYTES, true],
      [MAX_MANIFEST_BYTES + 1, false],
    ] as const) {
      it(`is ${fits ? 'taken' : 'MANIFEST_TOO_LARGE'} with ${bytes} bytes, ${framing}`, () =>
        withPull({}, async ({ registry, cache }) => {
          if (framing === 'chunked') registry.always({ kind: 'manifest' }, steps.chunked())
          const made = await aRawImage(sized(bytes), { of: [image] })
          assert.equal(made.root.size, bytes)
          const name = registry.add(made, 'app', 'v1')
          if (fits) await pulled(cache, name)
          else await refused(cache, name, 'MANIFEST_TOO_LARGE')
        }))
    }
  }

  it('is refused when it is compressed: nobody asked for that', () =>
    withPull({}, async ({ registry, cache }) => {
      registry.always({ kind: 'manifest' }, steps.withHeaders({ 'Content-Encoding': 'gzip' }))
      await refused(cache, registry.add(image, 'app', 'v1'), 'PROTOCOL_ERROR')
    }))
})
