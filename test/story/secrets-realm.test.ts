import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { OCI_LAYER_GZIP } from '../../src/oci/media-type.js'
import { aRawImage, documentOf } from '../support/a-raw-image.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import type { RawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'
import { pulled, refused, withPull } from '../support/with-pull.js'
import { CANARY_PASSWORD, CANARY_USER, gotNoSecret, type SiteOptions, withSite } from '../support/with-site.js'

const USER = { username: CANARY_USER, password: CANARY_PASSWORD }
const REFRESH_TOKEN = 'canary-refresh-token'
const HOME = 'https://registry.example/token'

const withPassword = (realm: string): SiteOptions => ({ auth: { kind: 'bearer', ...USER, realm } })
const withRefreshToken = (realm: string): SiteOptions => ({
  auth: { kind: 'bearer', ...USER, refreshToken: REFRESH_TOKEN, realm },
  credential: { kind: 'identity', token: REFRESH_TOKEN },
})
const secrets = { 'a password': withPassword, 'a refresh token': withRefreshToken }

let image: BuiltImage
before(async () => {
  image = await anImage({ layers: [{}] })
})

/** RELIABILITY 7.1 C2. */
describe('a realm', { concurrency: 6 }, () => {
  for (const [secret, siteOf] of Object.entries(secrets)) {
    for (const realm of [HOME, 'https://auth.registry.example/token']) {
      it(`${realm} gets ${secret}`, () =>
        withSite(siteOf(realm), async ({ registry, cache }) => {
          registry.add(image, 'app', 'v1')
          await pulled(cache, 'registry.example/app:v1')
          assert.equal(registry.auth?.issued, 1)
        }))
    }

    for (const realm of [
      'https://evil.example/token',
      'https://registry.example.evil.example/token',
      'https://registry.example@evil.example/token',
      'http://plain.example/token',
      'http://registry.example/token',
      'file:///etc/passwd',
      'https://169.254.169.254/latest/meta-data',
      'https://127.0.0.1/token',
      'https://[::1]/token',
      'https://2130706433/token',
      'https://10.0.0.1/token',
      'no address at all',
    ]) {
      it(`${realm} does not get ${secret}, nor a request`, () =>
        withSite(siteOf(realm), async ({ registry, cache, evil, plain }) => {
          registry.add(image, 'app', 'v1')
          const { details } = await refused(cache, 'registry.example/app:v1', 'REDIRECT_REFUSED')
          assert.deepEqual([details.host, details.step], ['registry.example', 'token'])
          assert.equal(evil.requests.length + plain.requests.length, 0)
        }))
    }

    it(`of a registry's own does not pass ${secret} on to where it redirects`, () =>
      withSite(siteOf(HOME), async ({ registry, cache, evil }) => {
        registry.add(image, 'app', 'v1')
        registry.always({ kind: 'token' }, steps.redirect('https://evil.example/token?scope=x', 307))
        const [result] = (await cache.pull(['registry.example/app:v1'])).results
        assert.equal(result?.ok, false)
        gotNoSecret(evil)
      }))

    for (const target of ['http://plain.example/token', 'https://169.254.169.254/', 'https://a:b@evil.example/token']) {
      it(`of a registry's own that redirects to ${target} is not followed, with ${secret}`, () =>
        withSite(siteOf(HOME), async ({ registry, cache, evil, plain }) => {
          registry.add(image, 'app', 'v1')
          registry.always({ kind: 'token' }, steps.redirect(target))
          const [result] = (await cache.pull(['registry.example/app:v1'])).results
          assert.equal(result?.ok, false)
          assert.equal(evil.requests.length + plain.requests.length, 0)
        }))
    }
  }
})

/** RELIABILITY 7.1 C11. */
describe('a token', () => {
  const scopes = (registry: RawRegistry) =>
    registry.requestsFor({ kind: 'token' }).map(({ query }) => query.get('scope'))

  it('serves the repository that it was given for, and no other', () =>
    withPull({ registry: { auth: { kind: 'bearer' } } }, async ({ registry, cache }) => {
      const names = ['one', 'two', 'three/four'].map((repository) => registry.add(image, repository, 'v1'))
      const { results } = await cache.pull(names)
      assert.ok(results.every(({ ok }) => ok))
      const expected = ['one', 'three/four', 'two'].map((repository) => `repository:${repository}:pull`)
      assert.deepEqual(scopes(registry).toSorted(), expected)
    }))

  it('is asked for no more than to read one repository, whatever the challenge says', () =>
    withPull({ registry: { auth: { kind: 'bearer' } } }, async ({ registry, cache }) => {
      const scope = 'repository:app:pull,push,delete repository:other:*'
      registry.script(
        { kind: 'manifest' },
        steps.unauthorized(`Bearer realm="${registry.url}/token",service="x",scope="${scope}"`),
      )
      await pulled(cache, registry.add(image, 'app', 'v1'))
      assert.deepEqual(scopes(registry), ['repository:app:pull'])
    }))

  it('of one registry is never shown to another', () =>
    withPull({ registry: { auth: { kind: 'bearer', prefix: 'canary-' } } }, async ({ registry, cache }) =>
      withPull({}, async ({ registry: other }) => {
        await pulled(cache, registry.add(image, 'app', 'v1'))
        await pulled(cache, other.add(await anImage({ seed: 'other' }), 'app', 'v1'))
        gotNoSecret(other)
      }),
    ))
})

/** RELIABILITY 7.1 C1. */
describe('a layer that says where else it may be had', () => {
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  for (const mediaType of [OCI_LAYER_GZIP, foreign]) {
    it(`is asked from the registry or not at all (${mediaType})`, () =>
      withPull({}, async ({ registry: evil }) =>
        withPull({ registry: { auth: { kind: 'bearer' } } }, async ({ registry, cache }) => {
          const document = documentOf(image)
          const [layer] = document.layers as object[]
          const layers = [{ ...layer, mediaType, urls: [`${evil.url}/v2/app/blobs/x`] }]
          await pulled(cache, registry.add(await aRawImage({ ...document, layers }, { of: [image] }), 'app', 'v1'))
          assert.equal(registry.blobRequests().size, mediaType === foreign ? 1 : 2)
          assert.equal(evil.requests.length, 0)
        }),
      ))
  }
})
