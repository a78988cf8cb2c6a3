import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listsHost, schemeFor } from '../../src/registry/host-list.js'

const lists = (list: readonly string[], url: string): boolean => listsHost(list, new URL(url))

describe('listsHost', () => {
  it('takes a name for all its ports, a name with a port for that one, and * for everything', () => {
    assert.ok(lists(['registry.example'], 'https://registry.example:5000/'))
    assert.ok(lists(['registry.example:5000'], 'https://registry.example:5000/'))
    assert.ok(!lists(['registry.example:5000'], 'https://registry.example:5001/'))
    assert.ok(lists(['*'], 'https://anything.example/'))
    assert.ok(!lists([], 'https://registry.example/'))
  })

  it('knows the ports of the schemes', () => {
    assert.ok(lists(['registry.example:443'], 'https://registry.example/'))
    assert.ok(lists(['registry.example:80'], 'http://registry.example/'))
    assert.ok(!lists(['registry.example:443'], 'http://registry.example/'))
  })

  it('is exact: no suffix, no prefix, no user information', () => {
    for (const url of [
      'https://registry.example.evil.example/',
      'https://a.registry.example/',
      'https://registry.example@evil.example/',
    ]) {
      assert.ok(!lists(['registry.example'], url), url)
    }
  })

  it('ignores case and a trailing dot of the URL', () => {
    assert.ok(lists(['registry.example'], 'https://REGISTRY.example./'))
  })

  it('knows addresses in brackets', () => assert.ok(lists(['[::1]:5000'], 'http://[::1]:5000/')))
})

describe('schemeFor', () => {
  const none = { plainHttpHosts: [] }
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.8.8.8', '[::1]:5000']) {
    it(`is http for ${host}`, () => assert.equal(schemeFor(host, none), 'http'))
  }
  for (const host of [
    'docker.io',
    'registry.example:5000',
    '10.0.0.1:5000',
    '192.168.1.1',
    'localhost.example',
    '127.0.0.1.nip.io',
  ]) {
    it(`is https for ${host}`, () => assert.equal(schemeFor(host, none), 'https'))
  }

  it('is http for the hosts that the options name, and for no other', () => {
    const options = { plainHttpHosts: ['registry.example:5000', 'plain.example'] }
    assert.equal(schemeFor('registry.example:5000', options), 'http')
    assert.equal(schemeFor('registry.example', options), 'https')
    assert.equal(schemeFor('plain.example:81', options), 'http')
    assert.equal(schemeFor('plain.example:80', { plainHttpHosts: ['plain.example:80'] }), 'http')
    assert.equal(schemeFor('any.example', { plainHttpHosts: ['*'] }), 'http')
  })
})
