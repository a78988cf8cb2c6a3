import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { waitLine } from '../../src/commands/wait-line.js'

describe('the message about a wait', () => {
  it('names the process, if it is known', () => {
    assert.equal(waitLine({ for: 'log', pid: 4711 }), 'waiting for process 4711 to let go of the log')
    assert.equal(waitLine({ for: 'index.json' }), 'waiting for another process to let go of index.json')
  })
})
