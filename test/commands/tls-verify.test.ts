import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { insecureHosts } from '../../src/commands/tls-verify.js'
import { isHearthError } from '../../src/errors.js'

describe('insecureHosts', () => {
  const cases: readonly [readonly string[], readonly string[]][] = [
    [[], []],
    [['true'], []],
    [['false'], ['*']],
    [['FALSE'], ['*']],
    [
      ['h=false', '[::1]:5000=false'],
      ['h', '[::1]:5000'],
    ],
    [['h=false', 'h=true'], []],
    [['h=false', 'i=false', 'true'], []],
    [['h=false', 'h=false'], ['h']],
  ]
  for (const [values, hosts] of cases) {
    it(`reads ${JSON.stringify(values)} as ${JSON.stringify(hosts)}`, () => {
      assert.deepEqual(insecureHosts(values), hosts)
    })
  }

  it('refuses anything else: checking certificates must not end by a typing mistake', () => {
    for (const value of ['', 'no', '0', '=false', 'h=', 'a=b=false', 'h =false']) {
      assert.throws(
        () => insecureHosts([value]),
        (error) => isHearthError(error, 'USAGE'),
        value,
      )
    }
  })

  it('refuses an exception from "all", which the library could not keep', () => {
    assert.throws(
      () => insecureHosts(['false', 'h=true']),
      (error) => isHearthError(error, 'USAGE'),
    )
  })
})
