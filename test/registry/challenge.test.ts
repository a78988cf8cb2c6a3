import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseChallenges } from '../../src/registry/challenge.js'

const parse = (header: string | readonly string[] | undefined) =>
  parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)])

const DOCKER_HUB =
  'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/redis:pull"'
const HUB_PARAMS = {
  realm: 'https://auth.docker.io/token',
  service: 'registry.docker.io',
  scope: 'repository:library/redis:pull',
}

describe('parseChallenges', () => {
  it('reads what Docker Hub sends', () => assert.deepEqual(parse(DOCKER_HUB), [['bearer', HUB_PARAMS]]))

  it('reads several challenges in one field, and in several fields', () => {
    const both = [
      ['basic', { realm: 'a, b' }],
      ['bearer', HUB_PARAMS],
    ]
    assert.deepEqual(parse(`Basic realm="a, b", ${DOCKER_HUB}`), both)
    assert.deepEqual(parse(['Basic realm="a, b"', DOCKER_HUB]), both)
  })

  it('ignores the case of schemes and parameter names, and keeps that of values', () => {
    assert.deepEqual(parse('BEARER Realm="X", SERVICE=y'), [['bearer', { realm: 'X', service: 'y' }]])
  })

  it('reads quoted pairs', () =>
    assert.deepEqual(parse('Basic realm="a \\"b\\" \\\\ c"'), [['basic', { realm: 'a "b" \\ c' }]]))

  it('allows spaces and empty elements where the grammar does', () => {
    assert.deepEqual(parse(' , ,Basic   realm = "x" ,, charset\t=\tUTF-8 ,'), [
      ['basic', { realm: 'x', charset: 'UTF-8' }],
    ])
  })

  it('reads past schemes without parameters and past token68', () => {
    assert.deepEqual(parse('Negotiate, NTLM TlRMTVNTUAAC==, Basic realm="x"'), [
      ['negotiate', {}],
      ['ntlm', {}],
      ['basic', { realm: 'x' }],
    ])
  })

  it('takes the first of two equal parameters', () => {
    assert.deepEqual(parse('Bearer realm="a", realm="b"'), [['bearer', { realm: 'a' }]])
  })

  it('keeps names such as __proto__ as names', () => {
    const [challenge] = parseChallenges('Bearer __proto__="x", constructor="y", realm="z"')
    assert.deepEqual([...(challenge?.params.keys() ?? [])], ['__proto__', 'constructor', 'realm'])
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  it('gives what was readable before a mistake', () => {
    assert.deepEqual(parse('Basic realm="x", Bearer realm="never ends'), [
      ['basic', { realm: 'x' }],
      ['bearer', {}],
    ])
    assert.deepEqual(parse('realm="x"'), [])
    assert.deepEqual(parse('"'), [])
  })

  it('gives none for none', () => {
    for (const nothing of [undefined, '', ' , ', []]) assert.deepEqual(parse(nothing), [])
  })

  it('is bounded in challenges and in characters', () => {
    assert.equal(parseChallenges('a, '.repeat(1000)).length, 32)
    assert.deepEqual(parse(`Basic realm="${'x'.repeat(20_000)}"`), [['basic', {}]])
  })

  it('returns for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aB1 ,="\\\t=/;', '\r', '\0') }), (text) =>
        Array.isArray(parse(text)),
      ),
    )
  })

  it('gives back what was quoted', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const quoted = value.replace(/["\\]/g, '\\$&')
        assert.equal(parseChallenges(`Bearer a="${quoted}", b=c`)[0]?.params.get('a'), value)
      }),
    )
  })
})
