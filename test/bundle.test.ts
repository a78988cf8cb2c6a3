import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const BUNDLE = new URL('../bundle/', import.meta.url)

describe('the bundle', () => {
  it('finds every file that it names by URL: threads are started from such names', async () => {
    const named: string[] = []
    for (const name of await readdir(BUNDLE, { recursive: true })) {
      if (!name.endsWith('.js')) continue
      const file = new URL(name, BUNDLE)
      for (const [, target = ''] of (await readFile(file, 'utf8')).matchAll(
        /new URL\("(\.[^"]*)", import\.meta\.url\)/g,
      )) {
        named.push(target)
        assert.ok(existsSync(fileURLToPath(new URL(target, file))), `${name} names ${target}`)
      }
    }
    for (const thread of ['fetch-blob', 'verify-blob', 'hash-thread']) {
      assert.ok(
        named.some((target) => target.endsWith(`${thread}.js`)),
        `nothing names ${thread}`,
      )
    }
  })
})
