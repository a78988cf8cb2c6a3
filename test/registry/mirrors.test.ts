import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { endpointsFor, parseMirrors } from '../../src/registry/mirrors.js'

const NONE = { plainHttpHosts: [] }
const one = (text: string, options = NONE) => parseMirrors([text], options)[0]

describe('parseMirrors', () => {
  it('reads registry and URL', () => {
    assert.deepEqual(one('quay.io=https://mirror.example:5000'), {
      registry: 'quay.io',
      endpoint: {
        origin: 'https://mirror.example:5000',
        host: 'mirror.example:5000',
        registry: 'mirror.example:5000',
        prefix: '',
      },
    })
  })

  it('means docker.io when no registry is named, or one of its other names', () => {
    for (const text of [
      'https://m.example',
      'docker.io=https://m.example',
      'index.docker.io=https://m.example',
      'Registry-1.docker.io=https://m.example',
    ]) {
      assert.equal(one(text)?.registry, 'docker.io')
    }
  })

  it('reads a path as a folder of repositories, without /v2', () => {
    for (const [path, prefix] of [
      ['', ''],
      ['/', ''],
      ['/v2', ''],
      ['/v2/', ''],
      ['/hub', 'hub/'],
      ['/v2/hub/', 'hub/'],
      ['/a/b-c', 'a/b-c/'],
      ['/v2x', 'v2x/'],
    ]) {
      assert.equal(one(`https://m.example${path}`)?.endpoint.prefix, prefix, path)
    }
  })

  it('chooses the scheme of a mirror without one as for a registry', () => {
    assert.equal(one('m.example:5000')?.endpoint.origin, 'https://m.example:5000')
    assert.equal(one('127.0.0.1:5000')?.endpoint.origin, 'http://127.0.0.1:5000')
    assert.equal(one('m.example/hub', { plainHttpHosts: ['m.example'] } as never)?.endpoint.origin, 'http://m.example')
  })

  it('believes a scheme that is written out', () => {
    assert.equal(one('http://m.example')?.endpoint.origin, 'http://m.example')
    assert.equal(one('localhost:5000=https://localhost:5000')?.endpoint.origin, 'https://localhost:5000')
    assert.equal(one('localhost:5000=https://localhost:5000')?.registry, 'localhost:5000')
  })

  it('looks up the credentials of the hub for a mirror that is the hub', () => {
    assert.equal(one('*=https://registry-1.docker.io')?.endpoint.registry, 'docker.io')
  })

  for (const bad of [
    '',
    '=',
    'quay.io=',
    'ftp://m.example',
    'https://user:canary@m.example',
    'https://m.example?canary',
    'https://m.example#x',
    'https://m.example/UPPER',
    'https://m.example/a//b',
    'https://',
  ]) {
    it(`refuses ${JSON.stringify(bad)}, without repeating it`, () => {
      assert.throws(
        () => one(bad),
        (error) => isHearthError(error, 'OPTION_INVALID') && !error.message.includes('canary'),
      )
    })
  }
})

describe('endpointsFor', () => {
  const mirrors = parseMirrors(['*=https://all.example', 'quay.io=https://quay.example', 'https://hub.example/x'], NONE)
  const origins = (registry: string): string[] => endpointsFor(registry, mirrors, NONE).map(({ origin }) => origin)

  it('gives the mirrors in the order of the option, and the registry last', () => {
    assert.deepEqual(origins('quay.io'), ['https://all.example', 'https://quay.example', 'https://quay.io'])
    assert.deepEqual(origins('ghcr.io'), ['https://all.example', 'https://ghcr.io'])
  })

  it('knows where docker.io lives, and whose credentials it wants', () => {
    const hub = endpointsFor('docker.io', mirrors, NONE).at(-1)
    assert.deepEqual(hub, {
      origin: 'https://registry-1.docker.io',
      host: 'registry-1.docker.io',
      registry: 'docker.io',
      prefix: '',
    })
  })

  it('compares registries as a whole', () => {
    assert.deepEqual(origins('quay.io.evil.example'), ['https://all.example', 'https://quay.io.evil.example'])
    assert.deepEqual(origins('quay.io:8443'), ['https://all.example', 'https://quay.io:8443'])
  })

  it('speaks plain HTTP to loopback and to named hosts alone', () => {
    assert.equal(endpointsFor('127.0.0.1:5000', [], NONE)[0]?.origin, 'http://127.0.0.1:5000')
    assert.equal(endpointsFor('r.example', [], { plainHttpHosts: ['r.example'] })[0]?.origin, 'http://r.example')
  })
})
