import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IndexFile } from '../../src/materialise/index-file.js'

/** An adapter's test file is one call to this, and then what is special about the adapter. */
export function indexFileContract(name: string, open: () => Promise<IndexFile>): void {
  const [one, two] = ['one', 'two'].map((text) => new TextEncoder().encode(text))
  assert.ok(one && two)

  describe(`${name} keeps the IndexFile contract`, () => {
    it('begins with nothing', async () => {
      const file = await open()
      assert.equal(await file.read(), undefined)
      await file.exclusively(async (open) => {
        assert.equal(await open.current(), undefined)
        assert.equal(await open.base(), undefined)
      })
    })

    it('gives back what it was replaced with, also as the base', async () => {
      const file = await open()
      for (const bytes of [one, two, two]) {
        await file.exclusively((open) => open.replace(bytes))
        await file.exclusively(async (open) => {
          assert.deepEqual(text(await open.current()), text(bytes))
          assert.deepEqual(text(await open.base()), text(bytes))
        })
        assert.deepEqual(text(await file.read()), text(bytes))
      }
    })

    it('lets one at a time in, and passes on what the work says', async () => {
      const file = await open()
      let inside = 0
      const results = await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          file.exclusively(async (open) => {
            assert.equal(++inside, 1)
            await open.replace(one)
            inside--
            return n
          }),
        ),
      )
      assert.deepEqual(results, [0, 1, 2, 3, 4])
      await assert.rejects(
        file.exclusively(() => Promise.reject(new RangeError())),
        RangeError,
      )
      await file.exclusively((open) => open.replace(two))
    })
  })
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes)
}
