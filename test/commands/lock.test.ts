import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderLock } from '../../src/commands/lock.js'
import { ERRORS, type LockReport } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { formatLock, type Lock } from '../../src/warm/lock-file.js'

const [before, digest] = await Promise.all(['1', '2'].map((text) => digestBytes(Buffer.from(text))))
assert.ok(before !== undefined && digest !== undefined)
const lock: Lock = {
  version: 1,
  images: { 'docker.io/library/a:1': { digest, mediaType: OCI_INDEX, size: 7, platforms: {} } },
}
const text = formatLock(lock)
const report = (changes: Partial<LockReport> = {}): LockReport => ({
  lock,
  text,
  changes: [],
  failures: [],
  ...changes,
})
const failure = { code: 'NAME_UNKNOWN', message: 'why', details: {} } as const

describe('the result of lock', () => {
  it('is the lock itself where no file was named', () => {
    const { lines } = renderLock(report())
    assert.equal(`${lines.join('\n')}\n`, text)
  })

  it('is what was written, and what moved', () => {
    const changes = [
      { kind: 'added', reference: 'docker.io/library/a:1', digest },
      { kind: 'removed', reference: 'docker.io/library/b:1', digest },
      { kind: 'changed', reference: 'docker.io/library/c:1', before, digest },
      { kind: 'changed', reference: 'docker.io/library/d:1', before: digest, digest },
    ] as const
    const { lines, document } = renderLock(report({ written: 'x.lock', changes }), { output: 'x.lock' })
    assert.deepEqual(lines, [
      `+ docker.io/library/a:1 ${digest}`,
      `- docker.io/library/b:1 ${digest}`,
      `~ docker.io/library/c:1 ${before} -> ${digest}`,
      `~ docker.io/library/d:1 ${digest}, other platforms`,
      'x.lock: 1 image, 4 moved',
    ])
    assert.deepEqual(document, { lock, written: 'x.lock', changes, failures: [] })
  })

  it('says that nothing moved', () => {
    assert.deepEqual(renderLock(report({ written: 'x.lock' }), { output: 'x.lock' }).lines, [
      'x.lock: 1 image, nothing moved',
    ])
  })

  it('prints no lock that lacks something', () => {
    const { lines, problems, exitCode } = renderLock(report({ failures: [{ ok: false, requested: 'b', failure }] }))
    assert.deepEqual([lines, problems], [[], ['hearth: NAME_UNKNOWN: b: why']])
    assert.equal(exitCode, ERRORS.NAME_UNKNOWN.exitCode)
  })
})
