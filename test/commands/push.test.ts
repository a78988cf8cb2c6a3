import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCommandLine } from '../../src/commands/command-line.js'
import type { Invocation } from '../../src/commands/invocation.js'
import { renderPush } from '../../src/commands/push.js'
import { pushProgress } from '../../src/commands/push-progress.js'
import { ERRORS, isHearthError, type PushedImage } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('pushed'))
const aPush = (changes: Partial<PushedImage> = {}): PushedImage => ({
  ...{ ok: true, requested: 'app', reference: 'reg.example/app:1', remote: 'reg.example/app:1', digest, tags: [] },
  ...{ uploadedBlobs: 0, uploadedBytes: 0, mountedBlobs: 0, presentBlobs: 0, referrers: 0, changed: true },
  ...changes,
})

describe('the words of push', () => {
  const invocationOf = (...argv: string[]): Invocation => {
    const commandLine = parseCommandLine(argv, { version: '1.2.3', now: 0 })
    return commandLine.kind === 'run' ? commandLine.invocation : assert.fail('text came back')
  }

  it('are images, and how to push them', () => {
    const plain = { verb: 'push', references: ['a', 'b'], archTags: false, override: false }
    assert.deepEqual(invocationOf('push', 'a', 'b'), plain)
    const words = ['--remote-name', 'r/x:1', '--platform', 'linux/arm64', '--with-arch-tags', '--override']
    assert.deepEqual(invocationOf('push', 'a', ...words), {
      ...{ ...plain, references: ['a'], archTags: true, override: true },
      ...{ remoteName: 'r/x:1', platform: 'linux/arm64' },
    })
  })

  it('have one remote name for one image', () => {
    for (const argv of [['push'], ['push', 'a', 'b', '--remote-name', 'x']]) {
      assert.throws(
        () => invocationOf(...argv),
        (error) => isHearthError(error, 'USAGE'),
      )
    }
  })
})

describe('the result of a push', () => {
  it('says what was sent, what was not, and which names there are', () => {
    const sent = {
      uploadedBlobs: 2,
      uploadedBytes: 2048,
      mountedBlobs: 1,
      presentBlobs: 3,
      tags: ['reg.example/app:1-amd64'],
    }
    const { lines, problems, exitCode } = renderPush({ results: [aPush(sent), aPush({ changed: false })] })
    assert.match(lines[0] ?? '', / 2 blobs sent \(2\.0 KiB\), 1 mounted, 3 there already$/)
    assert.match(lines[1] ?? '', /^reg\.example\/app:1-amd64/)
    assert.match(lines[2] ?? '', /up to date$/)
    assert.deepEqual([problems, exitCode], [[], 0])
  })

  it('fails with the code of what failed', () => {
    const failure = { code: 'REFERENCE_EXISTS', message: 'why', details: {} } as const
    const { problems, exitCode } = renderPush({ results: [aPush(), { ok: false, requested: 'b', failure }] })
    assert.deepEqual([problems, exitCode], [['hearth: REFERENCE_EXISTS: b: why'], ERRORS.REFERENCE_EXISTS.exitCode])
  })
})

describe('the progress of a push', () => {
  it('is one line, and what goes wrong once in a while', () => {
    const source = pushProgress(0)
    assert.deepEqual(source.frame(0, 1), ['asking the registry'])
    source.apply({ type: 'push-progress', blobs: 1, totalBlobs: 3, bytes: 1024, totalBytes: 3072 }, 1000)
    assert.deepEqual(source.frame(1000, 1), ['1/3 blobs, 1.0 KiB of 3.0 KiB, 1.0 KiB/s, 2.0 s left'])
    const failure = { code: 'TIMEOUT', message: 'why', details: { host: 'reg.example' } } as const
    const retry = { type: 'push-retry', image: 'reg.example/app:1', attempt: 1, delayMs: 100, failure } as const
    assert.match(source.remarks(retry, 1000)[0] ?? '', /^reg\.example\/app:1: retry 1 /)
    assert.deepEqual(source.remarks({ ...retry, digest }, 2000), [])
    assert.equal(source.remarks({ ...retry, digest }, 7000).length, 1)
  })
})
