import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Uses } from '../../src/inventory/uses.js'

/** An adapter's test file is one call to this, and then what is special. @param open begins empty, with a clock to set. */
export function usesContract(name: string, open: (now: () => number) => Promise<Uses>): void {
  describe(`${name} keeps the Uses contract`, () => {
    const MINUTE_MS = 60_000
    const NAMES = ['docker.io/library/app:1', '@sha256:0', '../../evil', 'ü'.repeat(300), '\ud800', '']

    it('knows of no use at first', async () => {
      const uses = await open(Date.now)
      assert.deepEqual(await uses.lastUses(NAMES), new Map())
    })

    it('gives back the last use of any name', async () => {
      let now = 1_700_000_000_000
      const uses = await open(() => now)
      await uses.touch(NAMES)
      now += MINUTE_MS
      await uses.touch(['docker.io/library/app:1'])
      const expected = NAMES.map((each, at) => [each, at === 0 ? now : now - MINUTE_MS] as const)
      assert.deepEqual(await uses.lastUses([...NAMES, 'never used']), new Map(expected))
    })

    it('corrects a use that a clock noted which was ahead', async () => {
      let now = 1_800_000_000_000
      const uses = await open(() => now)
      await uses.touch(['a'])
      now = 1_700_000_000_000
      await uses.touch(['a'])
      assert.deepEqual(await uses.lastUses(['a']), new Map([['a', now]]))
    })

    it('forgets all but some (idempotent)', async () => {
      const uses = await open(Date.now)
      await uses.touch(['a', 'b'])
      await uses.keepOnly(['b', 'c'])
      await uses.keepOnly(['b', 'c'])
      assert.deepEqual([...(await uses.lastUses(['a', 'b', 'c'])).keys()], ['b'])
      await uses.touch(['a'])
      assert.equal((await uses.lastUses(['a'])).size, 1)
    })
  })
}
