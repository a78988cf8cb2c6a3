import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { USER_AGENT } from '../../src/registry/user-agent.js'

it('USER_AGENT names the version of package.json', () => {
  const { name, version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  assert.equal(USER_AGENT, `${name}/${version}`)
})
