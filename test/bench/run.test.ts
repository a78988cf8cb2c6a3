import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const RUN = fileURLToPath(new URL('../../bench/run.js', import.meta.url))

/** A timeout, because what should not begin would take an hour. */
const bench = (...words: readonly string[]) =>
  spawnSync(process.execPath, [RUN, ...words], { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' })

describe('the command of the benches', () => {
  it('says how it is used, and which there are', () => {
    const { status, stdout } = bench('--help')
    assert.equal(status, 0)
    assert.match(stdout, /\[--rounds N\]/)
    assert.match(stdout, /^ {2}pull\/cold-layers$/m)
  })

  it('runs nothing when it does not know a word', () => {
    for (const words of [['--halp'], ['no-bench-of-this-name'], ['--rounds']]) {
      const { status, stdout, stderr } = bench(...words)
      assert.equal(status, 2, words.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, /npm run bench/)
    }
  })
})
