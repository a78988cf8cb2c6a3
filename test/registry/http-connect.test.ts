import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { foreignSettings, guardLookup, homeSettings } from '../../src/registry/http-connect.js'
import { transportOptions } from './support-wire.js'

/** What a guarded socket would get for a name that DNS gives these addresses. */
function look(hostname: string, addresses: readonly string[], all = true): Promise<unknown> {
  const answer = addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }))
  const guarded = guardLookup(
    (_name, options, callback) => {
      assert.equal(options.all, true)
      callback(null, answer)
    },
    (name) => name === 'home.example',
  )
  return new Promise((resolve, reject) =>
    guarded(hostname, { all }, (error, address, family) =>
      error === null ? resolve(all ? address : [address, family]) : reject(error),
    ),
  )
}

describe('guardLookup', () => {
  for (const address of [
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '169.254.169.254',
    'fe80::1%eth0',
    'fd00:ec2::254',
  ]) {
    it(`refuses a name for ${address}, alone or among others`, async () => {
      for (const addresses of [[address], ['93.184.216.34', address]]) {
        await assert.rejects(look('cdn.example', addresses), (error) => isHearthError(error, 'REDIRECT_REFUSED'))
      }
    })
  }

  it('lets other names pass: storage inside a site is named, too', async () => {
    for (const address of ['93.184.216.34', '10.0.0.1', 'fd12::1']) {
      assert.deepEqual(await look('s3.example', [address]), [{ address, family: address.includes(':') ? 6 : 4 }])
    }
  })

  it('lets a host pass that requests went to before: its storage may be on another port', async () => {
    assert.ok(await look('home.example', ['127.0.1.1']))
  })

  it('lets localhost pass', async () => assert.ok(await look('localhost', ['127.0.0.1'])))

  it('gives one address to a socket that wants one', async () => {
    assert.deepEqual(await look('s3.example', ['93.184.216.34', '93.184.216.35'], false), ['93.184.216.34', 4])
  })

  it('passes on what DNS says when it fails', async () => {
    const fails = Object.assign(new Error('x'), { code: 'ENOTFOUND' })
    const failing = guardLookup(
      (_name, _options, callback) => callback(fails, []),
      () => false,
    )
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => failing('x', {}, resolve))
    assert.equal(error?.code, 'ENOTFOUND')
  })
})

describe('the settings of the two sides', () => {
  it('guard names on the foreign side alone', () => {
    assert.equal(homeSettings(transportOptions()).lookup, undefined)
    assert.notEqual(foreignSettings(transportOptions(), () => false).lookup, undefined)
  })

  it('have no TLS context of their own where Node’s will do', () => {
    assert.equal(homeSettings(transportOptions()).secureContext, undefined)
  })
})
