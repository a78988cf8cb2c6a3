import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { anImage, type BuiltImage } from '../support/an-image.js'
import type { AuthOptions } from '../support/raw-auth.js'
import * as steps from '../support/raw-steps.js'
import { pulled, refused } from '../support/with-pull.js'
import { CANARY_PASSWORD, CANARY_USER, gotNoSecret, withSite } from '../support/with-site.js'

let image: BuiltImage
before(async () => {
  image = await anImage({ layers: [{}] })
})

describe('a redirect', { concurrency: 6 }, () => {
  const canary = { username: CANARY_USER, password: CANARY_PASSWORD }
  const auths: Readonly<Record<string, AuthOptions>> = {
    Basic: { kind: 'basic', ...canary },
    Bearer: { kind: 'bearer', ...canary, prefix: 'canary-token-', realm: 'https://registry.example/token' },
  }
  const path = (request: steps.RecordedRequest) => request.path
  const FOLLOWED: Readonly<Record<string, (request: steps.RecordedRequest) => string>> = {
    'another host': (request) => `https://evil.example${path(request)}?X-Signature=abc`,
    'another port': (request) => `https://registry.example:8443${path(request)}`,
    'a host of a similar name': (request) => `https://registry.example.evil.example${path(request)}`,
    'no scheme but another host': (request) => `//evil.example${path(request)}`,
  }
  const REFUSED: Readonly<Record<string, (request: steps.RecordedRequest) => string>> = {
    'plain HTTP': (request) => `http://plain.example${path(request)}`,
    'plain HTTP on its own host': (request) => `http://registry.example${path(request)}`,
    'user information': (request) => `https://registry.example@evil.example${path(request)}`,
    'a password': (request) => `https://a:b@evil.example${path(request)}`,
    'another scheme': () => 'file:///etc/passwd',
    'the metadata service': () => 'https://169.254.169.254/latest/meta-data',
    'this machine': (request) => `https://127.0.0.1${path(request)}`,
    'this machine, as a number': (request) => `https://2130706433${path(request)}`,
    'an address of the site': (request) => `https://10.0.0.1${path(request)}`,
  }

  for (const [scheme, auth] of Object.entries(auths)) {
    for (const kind of ['manifest', 'blob'] as const) {
      for (const [where, target] of Object.entries(FOLLOWED)) {
        for (const status of scheme === 'Basic' ? [301, 302, 303, 307, 308] : [307]) {
          it(`${status} of a ${kind} to ${where} is followed without credentials (${scheme})`, () =>
            withSite({ auth }, async ({ registry, cache, evil }) => {
              registry.add(image, 'app', 'v1')
              evil.add(image, 'app', 'v1')
              if (kind === 'manifest') registry.script({ kind }, steps.normal())
              registry.always({ kind }, steps.redirect(target, status))
              await pulled(cache, 'registry.example/app:v1')
              assert.ok(evil.requestsFor({ kind }).length > 0)
              gotNoSecret(evil)
            }))
        }
      }

      for (const [where, target] of Object.entries(REFUSED)) {
        it(`of a ${kind} to ${where} is refused (${scheme})`, () =>
          withSite({ auth }, async ({ registry, cache, evil, plain }) => {
            registry.add(image, 'app', 'v1')
            if (kind === 'manifest') registry.script({ kind }, steps.normal())
            registry.always({ kind }, steps.redirect(target))
            const { details } = await refused(cache, 'registry.example/app:v1', 'REDIRECT_REFUSED')
            assert.deepEqual([details.host, details.step], ['registry.example', kind])
            assert.equal(evil.requests.length + plain.requests.length, 0)
          }))
      }

      it(`of a ${kind} there and back shows no credentials any more (${scheme})`, () =>
        withSite({ auth }, async ({ registry, cache, evil }) => {
          registry.add(image, 'app', 'v1')
          if (kind === 'manifest') registry.script({ kind }, steps.normal())
          const away = steps.redirect(({ path }) => `https://evil.example${path}`)
          registry.always({ kind }, (answer, context) => {
            return context.request.query.has('back') ? answer : away(answer, context)
          })
          evil.always(
            { kind },
            steps.redirect(({ path }) => `https://registry.example${path}?back`),
          )
          await refused(cache, 'registry.example/app:v1', 'DENIED')
          gotNoSecret(evil)
          const back = registry.requests.filter(({ query }) => query.has('back'))
          assert.ok(back.length > 0 && back.every(({ headers }) => !('authorization' in headers)))
        }))

      for (const challenge of ['Basic realm="x"', 'Bearer realm="https://registry.example/token"']) {
        it(`of a ${kind} to someone who asks for ${challenge} gets nothing (${scheme})`, () =>
          withSite({ auth }, async ({ registry, cache, evil }) => {
            registry.add(image, 'app', 'v1')
            if (kind === 'manifest') registry.script({ kind }, steps.normal())
            registry.always(
              { kind },
              steps.redirect(({ path }) => `https://evil.example${path}`),
            )
            evil.always({}, steps.unauthorized(challenge))
            await refused(cache, 'registry.example/app:v1', 'DENIED')
            assert.ok(evil.requests.every((request) => request.kind === kind))
            gotNoSecret(evil)
          }))
      }
    }
  }
})
