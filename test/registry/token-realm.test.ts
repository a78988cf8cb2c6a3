import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { checkRealm, isSameSite } from '../../src/registry/token-realm.js'

const check = (realm: string, registry = 'https://registry.example.com', plainHttpHosts: readonly string[] = []) =>
  checkRealm(realm, { registry: new URL(registry), plainHttpHosts })
const isRefused = (error: unknown): boolean =>
  isHearthError(error, 'REDIRECT_REFUSED') && error.details.step === 'token'

describe('checkRealm', () => {
  for (const [registry, realm] of [
    ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
    ['https://quay.io', 'https://quay.io/v2/auth'],
    ['https://ghcr.io', 'https://ghcr.io/token'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['https://docker.elastic.co', 'https://docker-auth.elastic.co/auth'],
    ['https://harbor.corp.example:8443', 'https://harbor.corp.example/service/token'],
    ['https://name.azurecr.io', 'https://name.azurecr.io/oauth2/token'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token'],
    ['http://localhost:5000', 'http://127.0.0.1:5001/token'],
    ['http://127.0.0.1:5000', 'https://localhost/token'],
    ['https://10.0.0.5:5000', 'https://10.0.0.5/token'],
  ] as const) {
    it(`trusts ${realm} of ${registry}`, () => assert.equal(check(realm, registry).trusted, true))
  }

  for (const [registry, realm] of [
    ['https://registry.example.com', 'https://evil.example/token'],
    ['https://registry.example.com', 'https://registry.example.com.evil.example/token'],
    ['https://registry.example.com', 'https://notexample.com/token'],
    ['https://lscr.io', 'https://ghcr.io/token'],
    ['https://mine.azurecr.io', 'https://evil.azurecr.io/token'],
    ['https://1.dkr.ecr.eu-west-1.amazonaws.com', 'https://evil.amazonaws.com/token'],
    ['https://registry.example.co.uk', 'https://evil.co.uk/token'],
    ['https://registry', 'https://auth/token'],
    ['https://8.8.8.8', 'https://8.8.8.9/token'],
  ] as const) {
    it(`may ask ${realm} of ${registry}, but anonymously`, () => assert.equal(check(realm, registry).trusted, false))
  }

  it('refuses plain HTTP that an https registry names, even on its own host', () => {
    assert.throws(() => check('http://registry.example.com/token'), isRefused)
    assert.throws(() => check('http://registry.example.com/token', undefined, ['*']), isRefused)
    assert.throws(() => check('http://127.0.0.1/token'), isRefused)
  })

  it('allows plain HTTP that a plain registry names on its own host or on one that is plain by option', () => {
    const registry = 'http://plain.example.com:5000'
    assert.ok(check('http://plain.example.com/token', registry))
    assert.throws(() => check('http://auth.example.com/token', registry), isRefused)
    assert.equal(check('http://auth.example.com/token', registry, ['auth.example.com']).trusted, true)
    assert.ok(check('https://auth.example.com/token', registry))
  })

  for (const realm of [
    ...[
      'https://127.0.0.1/',
      'https://[::1]/',
      'https://2130706433/',
      'https://0x7f.1/',
      'https://localhost/',
      'https://0.0.0.0/',
    ],
    ...['https://169.254.169.254/latest/meta-data', 'https://[fe80::1]/', 'https://[::ffff:169.254.169.254]/'],
    ...['https://10.0.0.1/', 'https://192.168.1.1/', 'https://[fd00::1]/'],
    ...['https://registry.example.com@evil.example/', 'https://u:p@registry.example.com/'],
    ...[
      'file:///etc/passwd',
      'ftp://registry.example.com/',
      'data:,x',
      'javascript:1',
      '',
      '/token',
      'registry.example.com/token',
    ],
    `https://registry.example.com/${'x'.repeat(5000)}`,
  ]) {
    it(`refuses ${realm.slice(0, 60)}`, () => assert.throws(() => check(realm), isRefused))
  }

  it('refuses internal addresses that are not the own one of an internal registry', () => {
    assert.throws(() => check('https://10.0.0.6/token', 'https://10.0.0.5'), isRefused)
    assert.throws(() => check('http://127.0.0.1/token', 'http://10.0.0.5'), isRefused)
    assert.throws(() => check('http://169.254.169.254/token', 'http://127.0.0.1:5000'), isRefused)
  })

  it('keeps the query and drops the fragment', () => {
    assert.equal(check('https://registry.example.com/t?a=b#c').url.href, 'https://registry.example.com/t?a=b')
  })
})

describe('isSameSite', () => {
  it('is symmetric and ignores case and a trailing dot', () => {
    assert.ok(isSameSite('A.example.com.', 'b.EXAMPLE.com'))
    assert.ok(isSameSite('example.com', 'a.b.example.com'))
    assert.ok(isSameSite('a.b.example.com', 'example.com'))
  })

  it('takes no top-level domain for a site', () => {
    assert.ok(!isSameSite('a.com', 'b.com'))
    assert.ok(!isSameSite('com', 'a.com'))
    assert.ok(!isSameSite('a.co.uk', 'b.co.uk'))
    assert.ok(isSameSite('x.a.co.uk', 'y.a.co.uk'))
  })
})
