import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { helperFor, inlineCredential, parseDockerConfig } from '../../src/registry/docker-config.js'
import { everythingIn } from './support-wire.js'

const PLACE = 'config.json'
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const user = (name: string): { auth: string } => ({ auth: base64(`${name}:pass`) })
const parse = (document: unknown) => parseDockerConfig(JSON.stringify(document), PLACE)
/** The user that a config of these keys, each with a user of its own name, gives for a registry. */
const found = (keys: readonly string[], registry: string, repository = 'a/b'): string | undefined => {
  const config = parse({ auths: Object.fromEntries(keys.map((key) => [key, { username: key, password: 'p' }])) })
  const credential = inlineCredential(config, { registry, repository }, PLACE)
  return credential?.kind === 'basic' ? credential.username : undefined
}
const entry = (fields: unknown) =>
  inlineCredential(parse({ auths: { 'r.example': fields } }), { registry: 'r.example', repository: 'a' }, PLACE)
const isBroken = (error: unknown): boolean => isHearthError(error, 'CREDENTIALS_FAILED')

describe('inlineCredential', () => {
  it('reads auth', () => {
    assert.deepEqual(entry(user('me')), { kind: 'basic', username: 'me', password: 'pass' })
    assert.deepEqual(entry({ auth: base64('me:a:b') }), { kind: 'basic', username: 'me', password: 'a:b' })
    assert.deepEqual(entry({ auth: base64('me:pass\0\0') }), { kind: 'basic', username: 'me', password: 'pass' })
    assert.deepEqual(entry({ auth: base64('mü:ß') }), { kind: 'basic', username: 'mü', password: 'ß' })
  })

  it('reads username and password written apart', () => {
    assert.deepEqual(entry({ username: 'me', password: 'p' }), { kind: 'basic', username: 'me', password: 'p' })
  })

  it('reads identity tokens, by field and by user name, and registry tokens', () => {
    assert.deepEqual(entry({ ...user('x'), identitytoken: 't' }), { kind: 'identity', token: 't' })
    assert.deepEqual(entry({ auth: base64('<token>:t') }), { kind: 'identity', token: 't' })
    assert.deepEqual(entry({ registrytoken: 't' }), { kind: 'bearer', token: 't' })
  })

  it('takes an empty entry for none', () => {
    for (const empty of [{}, null, { auth: '' }, { email: 'x' }]) assert.equal(entry(empty), undefined)
  })

  it('refuses an entry that cannot be read, without showing it', () => {
    for (const broken of [{ auth: '!canary!' }, { auth: base64('canary') }, { auth: 7 }, 'canary', ['canary']]) {
      assert.throws(
        () => entry(broken),
        (error) => isBroken(error) && !everythingIn(error).includes('canary'),
      )
    }
  })

  it('does not look at the entries of others', () => {
    const config = parse({ auths: { 'bad.example': 'nonsense', 'r.example': user('me') } })
    assert.ok(inlineCredential(config, { registry: 'r.example', repository: 'a' }, PLACE))
  })

  for (const key of [
    'r.example',
    'https://r.example',
    'https://r.example/',
    'http://r.example',
    'https://r.example/v1/',
    'https://r.example/v2/',
    'https://r.example/api/docker',
    'r.example/',
    'r.example/v2/',
    'R.EXAMPLE',
    'r.example.',
    'r.example:443',
  ]) {
    it(`knows r.example as ${key}`, () => assert.equal(found([key], 'r.example'), key))
  }

  for (const key of [
    'r.example.evil.example',
    'evil.example',
    'sub.r.example',
    'example',
    'user@r.example',
    'r.example@evil.example',
    'https://u:p@r.example',
    'r.example:5000',
    'rxexample',
    '*',
    '',
  ]) {
    it(`does not know r.example as ${JSON.stringify(key)}`, () => assert.equal(found([key], 'r.example'), undefined))
  }

  it('tells ports apart', () => {
    assert.equal(found(['r.example:5000'], 'r.example:5000'), 'r.example:5000')
    assert.equal(found(['r.example'], 'r.example:5000'), undefined)
  })

  it('knows the hub by all its names', () => {
    for (const key of [
      'https://index.docker.io/v1/',
      'docker.io',
      'index.docker.io',
      'registry-1.docker.io',
      'https://registry-1.docker.io/v2/',
    ]) {
      assert.equal(found([key], 'docker.io', 'library/redis'), key)
    }
    assert.equal(found(['hub.docker.io'], 'docker.io'), undefined)
  })

  it('compares names in other scripts by their punycode', () => {
    assert.equal(found(['bücher.example'], 'xn--bcher-kva.example'), 'bücher.example')
  })

  it('prefers the longest path that the repository lies below', () => {
    const keys = ['r.example', 'r.example/a', 'r.example/a/b', 'r.example/a/bc']
    assert.equal(found(keys, 'r.example', 'a/b/c'), 'r.example/a/b')
    assert.equal(found(keys, 'r.example', 'a/b'), 'r.example/a/b')
    assert.equal(found(keys, 'r.example', 'a/bcd'), 'r.example/a')
    assert.equal(found(keys, 'r.example', 'x'), 'r.example')
    assert.equal(found(['r.example/a'], 'r.example', 'x'), undefined)
  })
})

describe('helperFor', () => {
  const account = { registry: 'r.example', repository: 'a' }

  it("prefers the registry's own helper to the one for all", () => {
    const config = parse({ credsStore: 'all', credHelpers: { 'r.example': 'one' } })
    assert.deepEqual(helperFor(config, account, PLACE), { program: 'one', server: 'r.example' })
    assert.deepEqual(helperFor(config, { ...account, registry: 'q.example' }, PLACE), {
      program: 'all',
      server: 'q.example',
    })
  })

  it('asks for the hub by the name that docker login uses', () => {
    const expected = { program: 'all', server: 'https://index.docker.io/v1/' }
    assert.deepEqual(helperFor(parse({ credsStore: 'all' }), { ...account, registry: 'docker.io' }, PLACE), expected)
  })

  it('is none when none is set', () => {
    for (const none of [
      {},
      { credsStore: '' },
      { credHelpers: { 'q.example': 'x' } },
      { credHelpers: { 'r.example': '' } },
    ]) {
      assert.equal(helperFor(parse(none), account, PLACE), undefined)
    }
  })

  for (const program of ['../x', 'a;b', 'a b', '/bin/sh', 'A', '-x', '.x', 'a\n', 'a/b', '$x', 'x'.repeat(100)]) {
    it(`refuses the program ${JSON.stringify(program).slice(0, 20)}`, () => {
      assert.throws(() => helperFor(parse({ credsStore: program }), account, PLACE), isBroken)
    })
  }
})

describe('parseDockerConfig', () => {
  it('takes missing parts for empty', () => {
    assert.equal(parse({}).auths.size, 0)
    assert.equal(parse({ auths: null, HttpHeaders: { x: 'y' } }).auths.size, 0)
  })

  it('keeps keys such as __proto__ as keys', () => {
    const config = parseDockerConfig('{"auths":{"__proto__":{"auth":"eDp5"}}}', PLACE)
    assert.equal(inlineCredential(config, { registry: 'r.example', repository: 'a' }, PLACE), undefined)
    assert.equal(({} as Record<string, unknown>).auth, undefined)
  })

  for (const text of [
    '',
    '{',
    '[]',
    '"x"',
    '7',
    '{"auths":[]}',
    '{"auths":7}',
    '{"credsStore":7}',
    '{"credHelpers":{"a":7}}',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseDockerConfig(text, PLACE), isBroken))
  }

  it('shows nothing of a broken file', () => {
    assert.throws(
      () => parseDockerConfig('{"auths":{"r.example":{"auth":canary', PLACE),
      (error) => isBroken(error) && !everythingIn(error).includes('canary'),
    )
  })
})
