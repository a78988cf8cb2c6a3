import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { proxyFor } from '../../src/registry/no-proxy.js'

const PROXY = { http: 'http://plain:3128', https: 'http://secure:3128' }
const via = (url: string, none = ''): string | undefined => proxyFor(new URL(url), { ...PROXY, none })?.host

describe('proxyFor', () => {
  it('goes by the scheme of the target', () => {
    assert.equal(via('http://registry.example/'), 'plain:3128')
    assert.equal(via('https://registry.example/'), 'secure:3128')
    assert.equal(proxyFor(new URL('https://registry.example/'), { http: 'http://plain:3128' }), undefined)
  })

  it('goes directly without a proxy', () => {
    assert.equal(proxyFor(new URL('https://registry.example/'), {}), undefined)
    assert.equal(proxyFor(new URL('https://registry.example/'), { https: '' }), undefined)
  })

  for (const host of ['localhost:5000', '127.0.0.1', '127.1.2.3:80', '[::1]:5000', 'a.localhost']) {
    it(`never proxies ${host}`, () => assert.equal(via(`http://${host}/`), undefined))
  }

  for (const [none, url, direct] of [
    ['*', 'https://registry.example/', true],
    ['registry.example', 'https://registry.example/', true],
    ['registry.example', 'https://sub.registry.example/', true],
    ['.registry.example', 'https://sub.registry.example/', true],
    ['*.registry.example', 'https://sub.registry.example/', true],
    ['registry.example', 'https://notregistry.example/', false],
    ['registry.example', 'https://registry.example.evil.example/', false],
    ['a.example, registry.example', 'https://registry.example/', true],
    ['a.example registry.example', 'https://registry.example/', true],
    ['REGISTRY.example', 'https://registry.EXAMPLE/', true],
    ['registry.example:443', 'https://registry.example/', true],
    ['registry.example:80', 'https://registry.example/', false],
    ['registry.example:5000', 'https://registry.example:5000/', true],
    ['10.0.0.0/8', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://11.1.2.3/', false],
    ['10.1.2.3', 'https://10.1.2.3:5000/', true],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['fd00::1', 'https://[fd00::1]:5000/', true],
    [' , ,', 'https://registry.example/', false],
  ] as const) {
    it(`${direct ? 'spares' : 'proxies'} ${url} under NO_PROXY=${none}`, () => {
      assert.equal(via(url, none), direct ? undefined : 'secure:3128')
    })
  }

  it('takes a proxy without a scheme for http', () => {
    assert.equal(
      proxyFor(new URL('https://r.example/'), { https: 'proxy.example:3128' })?.href,
      'http://proxy.example:3128/',
    )
  })

  it('refuses a proxy it cannot speak to, without repeating it', () => {
    for (const https of ['socks5://user:canary@proxy:1080', 'http://', 'ftp://proxy', 'http://canary@:x']) {
      assert.throws(
        () => proxyFor(new URL('https://r.example/'), { https }),
        (error) =>
          isHearthError(error, 'OPTION_INVALID') && !JSON.stringify([error.message, error.details]).includes('canary'),
      )
    }
  })
})
