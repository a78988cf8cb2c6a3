import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { referrersTag } from '../../src/oci/referrer.js'
import { aRawImage } from '../support/a-raw-image.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage } from '../support/an-image.js'
import { NOBODY_LISTENS } from '../support/nobody-listens.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from '../support/raw-registry.js'
import { respond, type Step, withHeaders } from '../support/raw-steps.js'
import { aClient } from './support-auth.js'

const IMAGE = await anImage()
const SUBJECT = IMAGE.root.digest
const ARTIFACTS = await Promise.all(
  ['a/signature', 'a/sbom', 'a/sbom'].map((artifactType, number) =>
    anArtifact({
      artifactType,
      subject: IMAGE.root,
      blobs: [{ bytes: Buffer.from(`${number}`), mediaType: 'text/plain' }],
    }),
  ),
)
const DIGESTS = ARTIFACTS.map(({ root }) => root.digest)

async function start(options: RawRegistryOptions = {}) {
  const registry = await startRawRegistry(options)
  after(() => registry.close())
  registry.add(IMAGE, 'app', '1')
  for (const artifact of ARTIFACTS) registry.add(artifact, 'app')
  const client = aClient()
  const place = { registry: registry.host, repository: 'app' }
  const digests = async (artifactType?: string) => {
    const found = await client.referrers(place, SUBJECT, { ...(artifactType !== undefined && { artifactType }) })
    return found.map(({ digest }) => digest)
  }
  return { registry, client, digests }
}

/** The tag that stands in for the API. */
async function addTag(registry: RawRegistry, descriptors: readonly object[]): Promise<void> {
  const index = await aRawImage(
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests: descriptors },
    { mediaType: OCI_INDEX },
  )
  registry.add(index, 'app', referrersTag(SUBJECT))
}

function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => isHearthError(error, code) || assert.fail(error as Error))
}

describe('the referrers of a manifest', () => {
  it('come from the API, page after page', async () => {
    for (const referrersPerPage of [1, 2, 100]) {
      const { digests } = await start({ referrersPerPage })
      assert.deepEqual(await digests(), DIGESTS)
    }
  })

  it('may be those of one type alone, whether or not the registry filters', async () => {
    const { registry, digests } = await start({ referrersPerPage: 100 })
    assert.deepEqual(await digests('a/sbom'), DIGESTS.slice(1))
    assert.equal(registry.requestsFor({ kind: 'referrers' })[0]?.query.get('artifactType'), 'a/sbom')
    const unfiltered: Step = (answer, { request }) => {
      request.query.delete('artifactType')
      return answer
    }
    registry.script({ kind: 'referrers' }, unfiltered)
    assert.deepEqual(await digests('a/sbom'), DIGESTS.slice(1))
    assert.deepEqual(await digests('a/nothing'), [])
  })

  it('come from the tag where the registry has no API', async () => {
    const { registry, digests } = await start()
    assert.deepEqual(await digests(), [])
    await addTag(
      registry,
      ARTIFACTS.map(({ root }, place) => ({ ...root, artifactType: place === 0 ? 'a/signature' : 'a/sbom' })),
    )
    assert.deepEqual(await digests(), DIGESTS)
    assert.deepEqual(await digests('a/signature'), DIGESTS.slice(0, 1))
    for (const status of [400, 405, 406, 501]) {
      registry.refuse({ kind: 'referrers' }, respond(status))
      assert.deepEqual(await digests(), DIGESTS)
    }
  })

  it('come from the tag where the API answers with something else than a list', async () => {
    const { registry, digests } = await start()
    await addTag(
      registry,
      ARTIFACTS.map(({ root }) => root),
    )
    for (const [type, body] of [
      ['text/html', '<html>'],
      ['application/json', '{}'],
      [IMAGE.root.mediaType, Buffer.from(IMAGE.blobs.get(SUBJECT) ?? []).toString()],
    ] as const) {
      registry.script({ kind: 'referrers' }, respond(200, { 'Content-Type': type }, body))
      assert.deepEqual(await digests(), DIGESTS)
    }
  })

  it('are none where what stands under the tag is no list', async () => {
    const { registry, digests } = await start()
    registry.add(IMAGE, 'app', referrersTag(SUBJECT))
    assert.deepEqual(await digests(), [])
    for (const body of ['', '{', '{"schemaVersion":2}', `{"mediaType":"${OCI_INDEX}","manifests":7}`]) {
      registry.script({ kind: 'manifest' }, respond(200, { 'Content-Type': OCI_INDEX }, body))
      assert.deepEqual(await digests(), [], body)
    }
  })

  it('are none where the registry takes the tag for the digest, also of an index', async () => {
    const index = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    const { registry, client } = await start()
    registry.add(index, 'app', referrersTag(index.root.digest))
    const place = { registry: registry.host, repository: 'app' }
    assert.deepEqual(await client.referrers(place, index.root.digest), [])
  })

  it('are no list without an end, none that leads elsewhere, and none that goes on as something else', async () => {
    const { registry, digests } = await start({ referrersPerPage: 1 })
    registry.script({ kind: 'referrers' }, withHeaders({ Link: `</v2/app/referrers/${SUBJECT}>; rel="next"` }))
    await rejects(digests(), 'PROTOCOL_ERROR')
    registry.script({ kind: 'referrers' }, withHeaders({ Link: '<http://127.0.0.1:1/v2/x>; rel="next"' }))
    await rejects(digests(), 'PROTOCOL_ERROR')
    registry.script({ kind: 'referrers' }, (answer) => answer, respond(200, {}, '<html>'))
    await rejects(digests(), 'PROTOCOL_ERROR')
    registry.script({ kind: 'referrers' }, respond(403))
    await rejects(digests(), 'DENIED')
  })
})

describe('the referrers of a manifest behind a mirror', () => {
  async function startBoth(ofMirror: RawRegistryOptions, ofRegistry: RawRegistryOptions) {
    const [mirror, registry] = [await startRawRegistry(ofMirror), await startRawRegistry(ofRegistry)]
    after(() => Promise.all([mirror.close(), registry.close()]))
    for (const one of [mirror, registry]) one.add(IMAGE, 'app', '1')
    const ask = async (host = registry.host) => {
      const client = aClient({}, { now: 0 }, {}, [`*=${mirror.url}`])
      const found = await client.referrers({ registry: host, repository: 'app' }, SUBJECT)
      return found.map(({ digest }) => digest)
    }
    const addAll = (to: RawRegistry) => {
      for (const artifact of ARTIFACTS) to.add(artifact, 'app')
    }
    return { mirror, registry, ask, addAll }
  }
  const API = { referrersPerPage: 1 }

  it('come from the mirror when it lists some, page after page', async () => {
    const { mirror, registry, ask, addAll } = await startBoth(API, API)
    addAll(mirror)
    assert.deepEqual(await ask(), DIGESTS)
    assert.equal(registry.requests.length, 0)
  })

  it('come from the registry when the mirror lists none, or has no such API, whatever is under its tag', async () => {
    for (const ofMirror of [API, {}]) {
      const { mirror, registry, ask, addAll } = await startBoth(ofMirror, API)
      await addTag(mirror, [])
      addAll(registry)
      assert.deepEqual(await ask(), DIGESTS)
    }
  })

  it('are none where the mirror lists none and the registry is out of reach, but not because nobody knows', async () => {
    assert.deepEqual(await (await startBoth(API, API)).ask(NOBODY_LISTENS), [])
    await rejects((await startBoth({}, API)).ask(NOBODY_LISTENS), 'CONNECTION_FAILED')
    const { registry, ask } = await startBoth(API, API)
    registry.alwaysRefuse({}, respond(503))
    await rejects(ask(), 'REGISTRY_UNAVAILABLE')
  })
})
