import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { USER_AGENT } from '../../src/registry/user-agent.js'
import { VERSION } from '../../src/version.js'

it('USER_AGENT and VERSION say what package.json says', () => {
  const { name, version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  assert.equal(VERSION, version)
  assert.equal(USER_AGENT, `${name}/${version}`)
})
