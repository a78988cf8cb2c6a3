import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dispatch } from '../../src/commands/dispatch.js'
import type { Invocation } from '../../src/commands/invocation.js'
import { type Cache, HearthError, isHearthError, type Recorded } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_LAYER } from '../../src/oci/media-type.js'

const digest = await digestBytes(Buffer.from('any'))
const { signal } = new AbortController()
const recorded: Recorded = {
  ...{ type: 'ReferenceRemoved', reference: 'a\u202e', position: 1, id: 'i' },
  ...{ at: '2026-01-02T03:04:05.678Z', previous: '', checksum: 'c' },
}

const NO_BYTES = { fetchBlobs: 0, fetchBytes: 0, sharedBytes: 0, presentBytes: 0 }
const NO_PLAN = { images: 0, failed: 0, ...NO_BYTES }
const NO_TOTALS = { images: 0, pulled: 0, upToDate: 0, failed: 0, fetchedBlobs: 0, fetchedBytes: 0, elapsedMs: 0 }

const START = { position: 0 }
const NO_PINS = { changed: [], unchanged: [], failed: [] }
const NONE = { count: 0, bytes: 0 }
const NOTHING_RECLAIMED = {
  ...{ dryRun: false, evicted: [], removedBlobs: 0, freedBytes: 0, keptBlobs: 0, keptBytes: 0, overBudgetBytes: 0 },
  removed: { evicted: NONE, unreferenced: NONE, unknown: NONE, strays: NONE, ingests: NONE },
}

/** Answers every call with the smallest report there is, and remembers what it was asked. */
function aCache(): Cache & { readonly calls: unknown[][] } {
  const calls: unknown[][] = []
  const removal = { removed: [], kept: [], removedBlobs: 0, freedBytes: 0 }
  const descriptor = { mediaType: OCI_LAYER, digest, size: 0 }
  const root = { kind: 'opaque', descriptor, present: true, children: [] } as const
  const answer = <T>(value: T, ...call: unknown[]): Promise<T> => {
    calls.push(call)
    return Promise.resolve(value)
  }
  return {
    calls,
    path: '/cache',
    pull: (...call) => answer({ results: [] }, 'pull', ...call),
    warm: (...call) => answer({ results: [], totals: NO_TOTALS }, 'warm', ...call),
    planWarm: (...call) => answer({ images: [], built: [], totals: NO_PLAN }, 'planWarm', ...call),
    lock: (...call) =>
      answer({ lock: { version: 1, images: {} }, text: '', changes: [], failures: [] }, 'lock', ...call),
    export: (...call) => answer({ format: 'oci', images: [], referrers: 0, blobs: 0, bytes: 0 }, 'export', ...call),
    push: (...call) => answer({ results: [] }, 'push', ...call),
    import: (...call) => answer({ results: [] }, 'import', ...call),
    copy: (...call) => answer({ ok: true, source: 's', images: [], referrers: 0, blobs: 0, bytes: 0 }, 'copy', ...call),
    list: (...call) => answer([], 'list', ...call),
    inspect: (...call) =>
      answer({ reference: 'a', root, totalBytes: 0, presentBytes: 0, referrers: [] }, 'inspect', ...call),
    remove: (...call) => answer(removal, 'remove', ...call),
    clean: (...call) => answer(removal, 'clean', ...call),
    reclaim: (...call) => answer(NOTHING_RECLAIMED, 'reclaim', ...call),
    pin: (...call) => answer(NO_PINS, 'pin', ...call),
    unpin: (...call) => answer(NO_PINS, 'unpin', ...call),
    compactLog: (...call) => answer({ records: 0, archives: [] }, 'compactLog', ...call),
    diff: (...call) => answer({ from: START, to: START, added: [], removed: [], moved: [] }, 'diff', ...call),
    restore: (...call) => answer({ restored: [], failed: [] }, 'restore', ...call),
    async *history(...call) {
      calls.push(['history', ...call])
      yield recorded
    },
    verify: (...call) => answer({ blobs: 0, bytes: 0, references: 0, events: 0, problems: [] }, 'verify', ...call),
    close: () => Promise.resolve(),
  }
}

async function callOf(invocation: Invocation): Promise<unknown[]> {
  const cache = aCache()
  const outcome = await dispatch(cache, invocation, { signal })
  if (outcome.kind === 'stream') for await (const _ of outcome.lines(true));
  assert.equal(cache.calls.length, 1)
  return cache.calls[0] ?? []
}

describe('dispatch', () => {
  it('asks the library for exactly what the user asked for, and hands the signal on', async () => {
    const references = ['a', 'b']
    const cases: readonly [Invocation, unknown[]][] = [
      [{ verb: 'pull', references }, ['pull', references, { signal }]],
      [
        { verb: 'pull', references, platforms: ['all'], pull: 'newer' },
        ['pull', references, { platforms: ['all'], pull: 'newer', signal }],
      ],
      [
        { verb: 'warm', references, files: ['f'], locked: 'l', failFast: true, dryRun: false },
        ['warm', references, { files: ['f'], locked: 'l', failFast: true, signal }],
      ],
      [
        { verb: 'warm', references, pull: 'newer', failFast: true, dryRun: true },
        ['planWarm', references, { pull: 'newer', signal }],
      ],
      [
        { verb: 'lock', files: ['f'], output: 'l', update: true },
        ['lock', [], { files: ['f'], output: 'l', update: true, signal }],
      ],
      [
        { verb: 'export', references, output: '-', format: 'docker' },
        ['export', references, { output: '-', format: 'docker', signal }],
      ],
      [
        { verb: 'push', references, platform: 'all', archTags: true, override: false },
        ['push', references, { platform: 'all', archTags: true, override: false, signal }],
      ],
      [{ verb: 'import', sources: ['-'], prefix: 'p' }, ['import', ['-'], { prefix: 'p', signal }]],
      [{ verb: 'copy', references, to: 'd', force: true }, ['copy', references, { to: 'd', force: true, signal }]],
      [{ verb: 'ls' }, ['list', { signal }]],
      [{ verb: 'ls', at: 7 }, ['list', { at: 7, signal }]],
      [{ verb: 'inspect', reference: 'a' }, ['inspect', 'a', { signal }]],
      [
        { verb: 'rm', references, publishedOnly: true, force: false },
        ['remove', references, { signal, publishedOnly: true, force: false }],
      ],
      [{ verb: 'clean', publishedOnly: false, force: true }, ['clean', { signal, publishedOnly: false, force: true }]],
      [{ verb: 'gc', keepBytes: 7, dryRun: true }, ['reclaim', { keepBytes: 7, dryRun: true, signal }]],
      [{ verb: 'pin', references }, ['pin', references, { signal }]],
      [{ verb: 'unpin', references }, ['unpin', references, { signal }]],
      [{ verb: 'log', after: 7, since: 9, follow: true }, ['history', { after: 7, since: 9, follow: true, signal }]],
      [{ verb: 'compact', keep: 7 }, ['compactLog', { keep: 7, signal }]],
      [{ verb: 'diff', from: 7 }, ['diff', 7, { signal }]],
      [{ verb: 'diff', from: 7, to: 9 }, ['diff', 7, { to: 9, signal }]],
      [{ verb: 'restore', references, at: 7 }, ['restore', references, { at: 7, signal }]],
      [{ verb: 'verify' }, ['verify', { signal }]],
    ]
    for (const [invocation, call] of cases) assert.deepEqual(await callOf(invocation), call)
  })

  it('hands progress to the one who wants it', async () => {
    const cache = aCache()
    const onPullProgress = () => {}
    const onVerifyProgress = () => {}
    const options = { signal, onPullProgress, onVerifyProgress }
    await dispatch(cache, { verb: 'pull', references: ['a'] }, options)
    await dispatch(cache, { verb: 'warm', references: ['a'], failFast: false, dryRun: false }, options)
    await dispatch(cache, { verb: 'verify' }, options)
    assert.deepEqual(cache.calls, [
      ['pull', ['a'], { signal, onProgress: onPullProgress }],
      ['warm', ['a'], { signal, failFast: false, onProgress: onPullProgress }],
      ['verify', { signal, onProgress: onVerifyProgress }],
    ])
  })

  it('streams the log as lines of text or of JSON', async () => {
    const outcome = await dispatch(aCache(), { verb: 'log', after: 0, follow: false }, { signal })
    assert.ok(outcome.kind === 'stream')
    const collect = async (json: boolean): Promise<string[]> => {
      const lines: string[] = []
      for await (const line of outcome.lines(json)) lines.push(line)
      return lines
    }
    const [line = '', ...rest] = await collect(true)
    assert.deepEqual([JSON.parse(line), rest], [recorded, []])
    assert.ok(!line.includes('\u202e'))
    assert.match((await collect(false))[0] ?? '', /ReferenceRemoved {3}a\\u202e$/)
  })

  it("lets the library's errors through", async () => {
    const cache: Cache = { ...aCache(), list: () => Promise.reject(new HearthError('LAYOUT_INVALID', 'broken')) }
    await assert.rejects(dispatch(cache, { verb: 'ls' }, { signal }), (error) => isHearthError(error, 'LAYOUT_INVALID'))
  })
})
