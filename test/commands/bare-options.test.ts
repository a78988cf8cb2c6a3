import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { joinBareOptions } from '../../src/commands/bare-options.js'

describe('joinBareOptions', () => {
  const cases: readonly [string, string][] = [
    ['pull --pull alpine', 'pull --pull=always alpine'],
    ['pull alpine --pull', 'pull alpine --pull=always'],
    ['pull --pull newer alpine', 'pull --pull=newer alpine'],
    ['pull --pull=never alpine', 'pull --pull=never alpine'],
    ['pull --pull --json alpine', 'pull --pull=always --json alpine'],
    ['pull --pull newer newer', 'pull --pull=newer newer'],
    ['pull --tls-verify alpine', 'pull --tls-verify=true alpine'],
    ['pull --tls-verify false alpine', 'pull --tls-verify=false alpine'],
    ['pull --tls-verify h:5000=false h:5000/a', 'pull --tls-verify=h:5000=false h:5000/a'],
    ['pull -- --pull alpine', 'pull -- --pull alpine'],
    ['ls', 'ls'],
    ['', ''],
  ]
  for (const [given, joined] of cases) {
    it(`reads "${given}" as "${joined}"`, () => {
      assert.deepEqual(joinBareOptions(given.split(' ')), joined.split(' '))
    })
  }

  it('does not take inherited names for options', () => {
    assert.deepEqual(joinBareOptions(['constructor', '__proto__']), ['constructor', '__proto__'])
  })
})
