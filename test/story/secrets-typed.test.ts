import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { openCache } from '../../src/index.js'
import { runHearth } from '../support/run-hearth.js'
import { tempDir } from '../support/temp-dir.js'

const NAMES = ['https://me:s3cret@127.0.0.1:9/app:1', 'me:s3cret@127.0.0.1:9/app:1']
const COMMANDS: Readonly<Record<string, (name: string) => readonly string[]>> = {
  pull: (name) => ['pull', name],
  'pull, for programs': (name) => ['pull', '--json', '--progress', 'json', name],
  'warm from an argument': (name) => ['warm', '--json', name],
  rm: (name) => ['rm', '--json', name],
  inspect: (name) => ['inspect', name],
  pin: (name) => ['pin', '--json', name],
  push: (name) => ['push', '--json', name],
  restore: (name) => ['restore', name, '--at', '0'],
}

describe('a password that was typed into an image name', () => {
  let [folder, cache]: readonly string[] = []
  const run = (...argv: readonly string[]) =>
    runHearth([...argv, '--cache', cache ?? ''], { env: { HOME: folder ?? '' } })
  before(async () => {
    folder = await tempDir()
    cache = join(folder, 'cache')
    const opened = await openCache({ path: cache })
    await opened.pull([])
    await opened.close()
  })
  for (const name of NAMES) {
    for (const [what, argv] of Object.entries(COMMANDS)) {
      it(`does not come back from ${what} ${name}`, async () => {
        const { exitCode, stdout, stderr } = await run(...argv(name))
        assert.notEqual(exitCode, 0)
        assert.match(stderr, /REFERENCE_(INVALID|UNKNOWN).*\[redacted\]@127/)
        assert.doesNotMatch(stdout + stderr, /s3cret/)
      })
    }

    it(`does not come back from a list with ${name} in it`, async () => {
      const list = join(folder ?? '', 'list.txt')
      await writeFile(list, `${name}\n`)
      const { stdout, stderr } = await run('warm', '-f', list)
      assert.match(stderr, /list\.txt:1:1: .*\[redacted\]@127/)
      assert.doesNotMatch(stdout + stderr, /s3cret/)
    })
  }
})
