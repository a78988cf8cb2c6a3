import { describe, it } from 'node:test'
import { checkModel } from './model.js'

describe('a cache', () => {
  it('agrees with a small model after any sequence of commands, other tools among them', async () => {
    await checkModel({ runs: 8, seed: 1, kills: false })
  })
})
