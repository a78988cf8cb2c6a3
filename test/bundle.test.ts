import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { describe, it } from 'node:test'

const BUNDLE = new URL('../bundle/', import.meta.url)

/** The files that a file of the bundle starts threads from. */
async function threadsOf(file: string): Promise<readonly URL[]> {
  const source = await readFile(new URL(file, BUNDLE), 'utf8')
  const named = source.matchAll(/new URL\("([^"]*)",\s*urlInBundle\("([^"]*)"\)\)/g)
  return Array.from(named, ([, path = '', module = '']) => new URL(path, new URL(module, BUNDLE)))
}

describe('the bundle', () => {
  it('finds every file that it names by URL: threads are started from such names', async () => {
    const files = (await Promise.all(['cli.js', 'workers/fetch-blob.js'].map(threadsOf))).flat()
    for (const url of files) assert.ok(existsSync(url), url.href)
    const names = new Set(files.map(({ pathname }) => pathname.replace(/.*\//, '')))
    assert.deepEqual([...names].sort(), ['fetch-blob.js', 'hash-thread.js', 'verify-blob.js'])
  })

  it('brings every package along, but for two that are seldom needed and what belongs to the platform', async () => {
    const source = await readFile(new URL('cli.js', BUNDLE), 'utf8')
    const required = source.matchAll(/\b(?:require|import)\("([^"]+)"\)/g)
    // node:sqlite is one of Node 22's.
    const packages = Array.from(required, ([, name = '']) => name).filter(
      (name) => !isBuiltin(name) && !name.startsWith('node:'),
    )
    assert.deepEqual([...new Set(packages)].sort(), ['fs-native-extensions/binding.js', 'hash-wasm', 'piscina'])
  })
})
