import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { before, describe, it } from 'node:test'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { aRawImage, documentOf } from '../support/a-raw-image.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import * as steps from '../support/raw-steps.js'
import { runHearth } from '../support/run-hearth.js'
import { tempDir } from '../support/temp-dir.js'
import { pulled, refused, soundBlobs, withPull } from '../support/with-pull.js'

const HEX = 'a'.repeat(64)
/** RELIABILITY 7.2 D1 and D2: what must never name a file or a request. */
const DIGESTS: readonly unknown[] = [
  'sha256:../../../../etc/passwd',
  `sha256:../${HEX.slice(3)}`,
  `sha256:${HEX}/..`,
  `sha256:${HEX.slice(1)}`,
  `sha256:${HEX}a`,
  `sha256:${HEX}\n`,
  `sha256:${HEX}\u0000`,
  `sha256:${HEX.toUpperCase()}`,
  `SHA256:${HEX}`,
  `sha256:%2e%2e%2f${HEX.slice(9)}`,
  `sha256:${HEX}?x=y`,
  `sha256:${HEX}#`,
  `sha512:${HEX}`,
  `md5:${HEX.slice(32)}`,
  `sha1:${HEX.slice(24)}`,
  `../blobs:${HEX}`,
  `sha256+x:${HEX}`,
  HEX,
  'sha256:',
  ':',
  '',
  '__proto__',
  7,
  null,
  true,
  [`sha256:${HEX}`],
  { toString: `sha256:${HEX}` },
]

let image: BuiltImage
before(async () => {
  image = await anImage({ layers: [{}] })
})

describe('a digest that is none', { concurrency: 8 }, () => {
  const at = (mediaType: string, digest: unknown) => ({ mediaType, digest, size: 5 })
  const PLACES: Readonly<Record<string, (digest: unknown) => readonly [object, string]>> = {
    'of a layer': (digest) => [{ ...documentOf(image), layers: [at(OCI_LAYER, digest)] }, OCI_MANIFEST],
    'of a config': (digest) => [{ ...documentOf(image), config: at(OCI_CONFIG, digest) }, OCI_MANIFEST],
    'of a subject': (digest) => [{ ...documentOf(image), subject: at(OCI_MANIFEST, digest) }, OCI_MANIFEST],
    'of a manifest in an index': (digest) => [
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [at(OCI_MANIFEST, digest)] },
      OCI_INDEX,
    ],
  }
  for (const [place, documentWith] of Object.entries(PLACES)) {
    it(`is refused ${place}, before it names anything`, () =>
      withPull({}, async ({ registry, cache, root }) => {
        for (const digest of DIGESTS) {
          const [document, mediaType] = documentWith(digest)
          const name = registry.add(await aRawImage(document, { mediaType, of: [image] }), 'app', 'v1')
          await refused(cache, name, 'MANIFEST_INVALID')
        }
        assert.equal(registry.requests.length, DIGESTS.length)
        assert.equal((await soundBlobs(cache)).size, 0)
        assert.ok((await readdir(root)).every((entry) => entry === '.hearth'))
      }))
  }

  it('is not believed of a config’s layers, which are known by their own', () =>
    withPull({}, async ({ registry, cache }) => {
      const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: DIGESTS } }
      const bytes = Buffer.from(JSON.stringify(config))
      const descriptor = { mediaType: OCI_CONFIG, digest: await digestBytes(bytes), size: bytes.length }
      const made = await aRawImage({ ...documentOf(image), config: descriptor }, { of: [image] })
      const name = registry.add({ ...made, blobs: new Map([...made.blobs, [descriptor.digest, bytes]]) }, 'app', 'v1')
      await pulled(cache, name)
      assert.equal((await soundBlobs(cache)).size, 3)
    }))

  it('is not believed in a header', () =>
    withPull({}, async ({ registry, cache }) => {
      const name = registry.add(image, 'app', 'v1')
      const texts = DIGESTS.filter((digest): digest is string => typeof digest === 'string' && !/[\0\n]/.test(digest))
      for (const digest of texts) {
        registry.script({ kind: 'manifest' }, steps.withHeaders({ 'Docker-Content-Digest': digest }))
        const { digest: found } = (await pulledAgain(digest)) ?? {}
        assert.equal(found, image.root.digest)
      }
      async function pulledAgain(_: string) {
        const { results } = await cache.pull([name], { policy: 'always' })
        return results[0]?.ok ? results[0] : assert.fail(JSON.stringify(results[0]))
      }
    }))

  it('is refused on the command line', async () => {
    const cache = await tempDir()
    const texts = DIGESTS.filter((digest): digest is string => typeof digest === 'string' && !digest.includes('\0'))
    const names = texts.map((digest) => `127.0.0.1:1/app@${digest}`)
    const { exitCode, stdout } = await runHearth(['pull', '--json', '--cache', cache, ...names])
    assert.equal(exitCode, 2)
    const codes = JSON.parse(stdout).results.map((result: { failure: { code: string } }) => result.failure.code)
    assert.ok(
      codes.every((code: string) => code === 'REFERENCE_INVALID' || code === 'DIGEST_INVALID'),
      `${codes}`,
    )
    for (const verb of ['inspect', 'rm']) {
      for (const name of ['app@sha256:../../x', '../../etc/passwd', `sha256:${HEX}/../..`]) {
        const run = await runHearth([verb, '--cache', cache, name])
        assert.ok([2, 3].includes(run.exitCode), `${verb} ${name}: ${run.exitCode} ${run.stderr}`)
      }
    }
  })
})

/** RELIABILITY 7.2 D2 and D3. */
describe('a registry that answers with something else', { concurrency: 8 }, () => {
  it('than the digest that was asked for is refused, whatever its headers say', () =>
    withPull({}, async ({ registry, cache }) => {
      const other = await anImage({ seed: 'other' })
      registry.add(image, 'app', 'v1')
      registry.add(other, 'app', 'v2')
      const pinned = `${registry.host}/app@${image.root.digest}`
      const instead =
        (digest: string | undefined): steps.Step =>
        (answer, context) => {
          const bytes = other.manifests.get(other.root.digest)?.bytes ?? assert.fail()
          const step = steps.raw(Buffer.concat([Buffer.from(head(bytes.length, digest)), bytes]))
          return step(answer, context)
        }
      const head = (length: number, digest: string | undefined) =>
        `HTTP/1.1 200 OK\r\nContent-Type: ${OCI_MANIFEST}\r\nContent-Length: ${length}\r\n${digest === undefined ? '' : `Docker-Content-Digest: ${digest}\r\n`}\r\n`
      for (const digest of [undefined, image.root.digest, other.root.digest]) {
        registry.script({ kind: 'manifest' }, instead(digest), instead(digest))
        await refused(cache, pinned, 'DIGEST_MISMATCH')
      }
      assert.equal(cache.log.state.references.size, 0)
      assert.equal((await soundBlobs(cache)).size, 0)
    }))

  it('than its header says is refused', () =>
    withPull({}, async ({ registry, cache }) => {
      const other = await anImage({ seed: 'other' })
      registry.always({ kind: 'manifest' }, steps.withHeaders({ 'Docker-Content-Digest': other.root.digest }))
      await refused(cache, registry.add(image, 'app', 'v1'), 'DIGEST_MISMATCH')
    }))

  it('under a digest of another algorithm is stored under the one that it promised', () =>
    withPull({}, async ({ registry, cache }) => {
      const bytes = image.manifests.get(image.root.digest)?.bytes ?? assert.fail()
      const sha512 = await digestBytes(bytes, 'sha512')
      registry.always({ kind: 'manifest' }, steps.withHeaders({ 'Docker-Content-Digest': sha512 }))
      const name = registry.add(image, 'app', 'v1')
      assert.equal((await pulled(cache, name)).digest, sha512)
      // Asked for by its sha256, it is that.
      assert.equal((await pulled(cache, `${registry.host}/app@${image.root.digest}`)).digest, image.root.digest)
      await soundBlobs(cache)
    }))

  it('to HEAD than to GET keeps the reference as it was', () =>
    withPull({}, async ({ registry, cache }) => {
      const name = registry.add(image, 'app', 'v1')
      await pulled(cache, name)
      const digest = await digestBytes(Buffer.from('no manifest'))
      registry.always({ method: 'HEAD' }, steps.withHeaders({ 'Docker-Content-Digest': digest }))
      const { results } = await cache.pull([name], { policy: 'always' })
      assert.equal(results[0]?.ok, false)
      assert.equal(cache.log.state.references.get(name)?.descriptor.digest, image.root.digest)
    }))
})
