import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../src/errors.js'
import { type CacheOptions, DEFAULTS, resolveOptions } from '../src/options.js'

const HOME = '/home/someone'
const resolved = (options: CacheOptions = {}, env: Record<string, string | undefined> = {}) =>
  resolveOptions(options, { env, home: HOME })

describe('resolveOptions', () => {
  describe('finds the cache in', () => {
    const table: readonly [string, CacheOptions, Record<string, string | undefined>, string][] = [
      ['LinuxKit’s place', {}, {}, `${HOME}/.linuxkit/cache`],
      ['LINUXKIT_CACHE', {}, { LINUXKIT_CACHE: '/linuxkit' }, '/linuxkit'],
      ['HEARTH_CACHE before that', {}, { HEARTH_CACHE: '/hearth', LINUXKIT_CACHE: '/linuxkit' }, '/hearth'],
      ['the option before all', { path: '/option' }, { HEARTH_CACHE: '/hearth' }, '/option'],
      ['a relative path as it is', { path: 'cache' }, {}, 'cache'],
      ['the next place when a variable is empty', {}, { HEARTH_CACHE: '', LINUXKIT_CACHE: '/linuxkit' }, '/linuxkit'],
      ['the environment that is passed in', { env: { HEARTH_CACHE: '/mine' } }, { HEARTH_CACHE: '/hearth' }, '/mine'],
    ]
    for (const [place, options, env, path] of table) {
      it(place, () => assert.equal(resolved(options, env).path, path))
    }

    it('no place at all when the option is empty: it would be the current folder', () => {
      refused({ path: '' }, 'path')
    })
  })

  it('leaves nothing open, and takes every default from one table', () => {
    const { path: _, env: __, onWait: ___, ...rest } = resolved()
    const { authFile, certFile, keyFile, caFiles, insecureHosts, plainHttpHosts, mirrors, ...defaults } = rest
    assert.deepEqual(defaults, DEFAULTS)
    assert.deepEqual([authFile, certFile, keyFile], [undefined, undefined, undefined])
    for (const list of [caFiles, insecureHosts, plainHttpHosts, mirrors]) assert.deepEqual(list, [])
  })

  it('keeps what is given', () => {
    const given = {
      jobs: 3,
      durability: 'relaxed',
      connectTimeoutMs: 1,
      headersTimeoutMs: 2,
      bodyTimeoutMs: 3,
      progressWindowMs: 4,
      minBytesPerSecond: 0,
      lockTimeoutMs: 0,
      authFile: '/auth.json',
      caFiles: ['/ca.pem'],
      certFile: '/cert.pem',
      keyFile: '/key.pem',
      insecureHosts: ['a'],
      plainHttpHosts: ['b'],
      mirrors: ['c'],
    } as const
    const { ...all } = resolved(given)
    for (const [name, value] of Object.entries(given)) assert.deepEqual(all[name as keyof typeof all], value)
  })

  it('fills in what a retry policy leaves open', () => {
    assert.deepEqual(resolved({ retry: { retries: 0 } }).retry, { ...DEFAULTS.retry, retries: 0 })
  })

  const numbers = [
    ['jobs', 1],
    ['connectTimeoutMs', 1],
    ['headersTimeoutMs', 1],
    ['bodyTimeoutMs', 1],
    ['progressWindowMs', 1],
    ['minBytesPerSecond', 0],
    ['lockTimeoutMs', 0],
  ] as const
  for (const [name, least] of numbers) {
    it(`refuses ${name} that is no whole number from ${least} on, or more than a timer takes`, () => {
      for (const value of [least - 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5' as never]) {
        refused({ [name]: value }, name)
      }
      assert.equal(resolved({ [name]: least })[name], least)
    })
  }

  for (const name of ['retries', 'minDelayMs', 'maxDelayMs', 'maxRetryAfterMs'] as const) {
    it(`refuses retry.${name} that is no whole number, or more than a timer takes`, () => {
      for (const value of [-1, 0.5, Number.NaN, 2 ** 31]) refused({ retry: { [name]: value } }, `retry.${name}`)
      assert.equal(resolved({ retry: { [name]: 0 } }).retry[name], 0)
    })
  }

  it('refuses a client certificate without its key, and a key without its certificate', () => {
    refused({ certFile: '/cert.pem' }, 'certFile')
    refused({ keyFile: '/key.pem' }, 'certFile')
  })

  it('refuses a durability that it does not know: it would promise more than is done', () => {
    refused({ durability: 'ful' as never }, 'durability')
  })

  it('has defaults that nobody can change', () => {
    assert.throws(() => Object.assign(DEFAULTS, { jobs: 0 }), TypeError)
    assert.throws(() => Object.assign(DEFAULTS.retry, { retries: 0 }), TypeError)
  })
})

function refused(options: CacheOptions, option: string): void {
  assert.throws(
    () => resolved(options),
    (error) => isHearthError(error, 'OPTION_INVALID') && error.details.option === option,
    JSON.stringify(options),
  )
}
