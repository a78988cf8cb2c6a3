import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { firstHop, type Hop, nextHop } from '../../src/registry/redirect.js'
import { WHERE } from './support-wire.js'

const SECRETS = { Authorization: 'Bearer secret', Cookie: 'session=secret', 'Proxy-Authorization': 'Basic secret' }
const HEADERS = { ...SECRETS, Accept: 'a/b', Range: 'bytes=1-' }
const start = (url = 'https://registry.example/v2/a'): Hop => firstHop(new URL(url), HEADERS, WHERE)

const isRefused = (error: unknown): boolean => {
  assert.ok(isHearthError(error, 'REDIRECT_REFUSED'))
  assert.equal(error.details.host, WHERE.host)
  assert.equal(error.details.step, WHERE.step)
  return true
}
const refuses = (hop: Hop, location: string | undefined): void => {
  assert.throws(() => nextHop(hop, 307, location), isRefused)
}

describe('nextHop', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    describe(`on a ${status}`, () => {
      it('keeps credentials within the origin', () => {
        const hop = nextHop(start(), status, '/v2/b?x=1')
        assert.equal(hop.url.href, 'https://registry.example/v2/b?x=1')
        assert.equal(hop.headers.authorization, 'Bearer secret')
        assert.equal(hop.foreign, false)
      })

      for (const [what, location] of [
        ['another host', 'https://cdn.example/blob'],
        ['another port', 'https://registry.example:8443/blob'],
        ['a name that begins alike', 'https://registry.example.evil.example/blob'],
        ['a network-path reference', '//cdn.example/blob'],
      ] as const) {
        it(`drops credentials, and nothing else, for ${what}`, () => {
          const hop = nextHop(start(), status, location)
          assert.deepEqual(hop.headers, { accept: 'a/b', range: 'bytes=1-' })
          assert.equal(hop.foreign, true)
        })
      }

      it('refuses https to http, also on the same host', () => {
        assert.throws(() => nextHop(start(), status, 'http://registry.example/v2/b'), isRefused)
      })

      it('refuses user information', () => {
        for (const at of ['registry.example@evil.example', 'user:pass@registry.example', ':pass@registry.example']) {
          assert.throws(() => nextHop(start(), status, `https://${at}/`), isRefused)
        }
      })

      it('follows five hops of a loop and refuses the sixth', () => {
        let hop = start()
        for (let count = 1; count <= 5; count++) {
          hop = nextHop(hop, status, '/v2/a')
          assert.equal(hop.hops, count)
        }
        assert.throws(() => nextHop(hop, status, '/v2/a'), isRefused)
      })
    })
  }

  for (const status of [200, 300, 304, 305, 306, 399, 404]) {
    it(`does not take ${status} for a redirect`, () => {
      assert.throws(() => nextHop(start(), status, 'https://registry.example/'), isRefused)
    })
  }

  it('drops credentials when the scheme alone changes', () => {
    const hop = nextHop(start('http://registry.example/v2/a'), 307, 'https://registry.example/v2/a')
    assert.equal(hop.headers.authorization, undefined)
    assert.equal(hop.foreign, true)
  })

  it('does not give credentials back to a request that has been elsewhere', () => {
    const away = nextHop(start(), 307, 'https://cdn.example/')
    const back = nextHop(away, 307, 'https://registry.example/v2/a')
    assert.equal(back.headers.authorization, undefined)
    assert.equal(back.foreign, true)
  })

  it('knows secret headers whatever the case of their names', () => {
    const hop = firstHop(new URL('https://registry.example/'), { AUTHORIZATION: 'x', cOOkie: 'y' }, WHERE)
    assert.deepEqual(nextHop(hop, 307, 'https://cdn.example/').headers, {})
  })

  it('takes a default port for the same origin', () => {
    assert.equal(nextHop(start(), 307, 'https://registry.example:443/b').foreign, false)
  })

  it('drops the fragment', () => assert.equal(nextHop(start(), 307, '/b#c').url.href, 'https://registry.example/b'))

  it('refuses a Location that is missing, unreadable or no web address', () => {
    for (const bad of [undefined, 'https://', 'http://[::1', 'https://a b/', 'file:///etc/passwd', 'data:,x'])
      refuses(start(), bad)
    refuses(start(), `https://cdn.example/${'x'.repeat(20_000)}`)
  })

  it('shows nothing of the Location in its errors', () => {
    for (const bad of [
      'http://cdn.example/?sig=secret',
      'https://user:secret@cdn.example/',
      'https://10.0.0.1/?sig=secret',
    ]) {
      assert.throws(
        () => nextHop(start(), 307, bad),
        (error: Error) => isRefused(error) && !JSON.stringify([error, error.message]).includes('secret'),
      )
    }
  })

  describe('to an internal address', () => {
    const loopback = [
      '127.0.0.1',
      '2130706433',
      '0177.0.0.1',
      '0x7f.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
      'localhost',
    ]
    const linkLocal = ['169.254.169.254', '[fe80::1]', '[::ffff:a9fe:a9fe]', '2852039166']
    const site = ['10.0.0.1', '172.16.0.1', '192.168.0.1', '[fd00::1]', '100.64.1.1']
    for (const host of [...loopback, ...linkLocal, ...site]) {
      it(`${host} is refused from a public registry`, () => refuses(start(), `https://${host}/`))
      it(`${host} is refused from a redirect's target`, () => {
        refuses(nextHop(start(), 307, 'https://cdn.example/'), `https://${host}/`)
      })
    }

    it('is followed on this machine, from a registry on this machine', () => {
      for (const host of [...loopback, ...site]) {
        assert.equal(nextHop(start('http://127.0.0.1:5000/'), 307, `http://${host}:9000/`).foreign, true)
      }
    })

    it('is followed within a site, but not from there to this machine', () => {
      assert.ok(nextHop(start('https://10.0.0.5/'), 307, 'https://192.168.0.1/'))
      refuses(start('https://10.0.0.5/'), 'https://127.0.0.1/')
    })

    it('is refused for the metadata service, whoever asks', () => {
      for (const from of ['http://127.0.0.1/', 'http://localhost:5000/', 'https://10.0.0.5/']) {
        refuses(start(from), 'https://169.254.169.254/')
      }
    })
  })
})
