import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { type ErrorCode, HearthError } from '../../src/errors.js'
import type { ReferenceRecord } from '../../src/log/event-log.js'
import { parseReference } from '../../src/oci/reference.js'
import type { PullPolicy } from '../../src/options.js'
import { chooseStep, type ResolveStep, resolve } from '../../src/pull/resolve.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { aMemoryRun, type MemoryRun } from './memory-run.js'

const { digest } = (await anImage()).root
const TAG = parseReference('registry.test/app:v1')
const PINNED = parseReference(`registry.test/app@${digest}`)
const BOTH = parseReference(`registry.test/app:v1@${digest}`)

describe('chooseStep', () => {
  const table: readonly [PullPolicy, known: boolean, tag: ResolveStep, pinned: ResolveStep][] = [
    ['missing', true, 'use-known', 'use-known'],
    ['missing', false, 'fetch', 'fetch'],
    // What has a digest cannot move.
    ['newer', true, 'ask-if-moved', 'use-known'],
    ['newer', false, 'fetch', 'fetch'],
    ['always', true, 'ask-if-moved', 'ask-if-moved'],
    ['always', false, 'fetch', 'fetch'],
    ['never', true, 'use-known', 'use-known'],
    ['never', false, 'refuse', 'refuse'],
  ]
  for (const [policy, known, tag, pinned] of table) {
    it(`is ${tag} for a tag, ${pinned} for a digest: \`${policy}\`, ${known ? 'known' : 'unknown'}`, () => {
      assert.equal(chooseStep(policy, TAG, known), tag)
      assert.equal(chooseStep(policy, PINNED, known), pinned)
      assert.equal(chooseStep(policy, BOTH, known), pinned)
    })
  }

  it('is a defect of the caller for any other policy', () => {
    assert.throws(() => chooseStep('sometimes' as PullPolicy, TAG, true), TypeError)
  })
})

describe('resolve', () => {
  let before: BuiltImage
  let after: BuiltImage
  let known: ReferenceRecord
  let run: MemoryRun
  let failing: ErrorCode | undefined

  beforeEach(async () => {
    ;[before, after] = [await anImage({ seed: 'before' }), await anImage({ seed: 'after' })]
    known = { descriptor: before.root, platforms: [], origin: 'pulled', position: 1, at: '' }
    failing = undefined
    run = aMemoryRun({
      retry: { retries: 0 },
      before: () => {
        if (failing !== undefined) throw new HearthError(failing, 'failed')
      },
    })
    run.registry.add(TAG, before)
  })
  const resolveTag = (policy: PullPolicy, record: ReferenceRecord | undefined) =>
    resolve(TAG, { policy, known: record, signal: new AbortController().signal }, run.requests)
  const ask = (policy: PullPolicy) => resolveTag(policy, known)
  const steps = () => run.registry.requests.map(({ step }) => step)

  it('uses what is known without a request', async () => {
    for (const policy of ['missing', 'never'] as const) assert.deepEqual(await ask(policy), { root: before.root })
    assert.deepEqual(steps(), [])
  })

  it('fetches what is not known, in one request', async () => {
    const { root, fetched } = await resolveTag('missing', undefined)
    assert.deepEqual([root, fetched?.received], [before.root, before.root.size])
    assert.deepEqual(steps(), ['manifest'])
  })

  it('refuses what is not known when asking is forbidden', async () => {
    await assert.rejects(resolveTag('never', undefined), { code: 'REFERENCE_UNKNOWN' })
    assert.deepEqual(steps(), [])
  })

  for (const policy of ['newer', 'always'] as const) {
    it(`asks once, and fetches nothing, when the tag has not moved (\`${policy}\`)`, async () => {
      assert.deepEqual(await ask(policy), { root: before.root })
      assert.deepEqual(steps(), ['resolve'])
    })

    it(`fetches what the tag named when it was asked, even if it moves again (\`${policy}\`)`, async () => {
      run.registry.add(TAG, after)
      const request = ask(policy)
      const third = await anImage({ seed: 'third' })
      while (steps().length < 1) await new Promise((done) => setImmediate(done))
      run.registry.add(TAG, third)
      assert.equal((await request).root.digest, after.root.digest)
      assert.deepEqual(run.registry.requests.at(-1)?.digest, after.root.digest)
    })
  }

  const unreachable: readonly ErrorCode[] = ['CONNECTION_FAILED', 'TIMEOUT', 'HOST_UNKNOWN', 'TOOMANYREQUESTS']
  for (const code of unreachable) {
    it(`keeps what is known when the registry cannot be asked: ${code} (\`newer\`)`, async () => {
      failing = code
      const { root, unchecked } = await ask('newer')
      assert.deepEqual([root, unchecked?.code], [before.root, code])
      await assert.rejects(ask('always'), { code })
    })
  }

  const answers: readonly ErrorCode[] = ['MANIFEST_UNKNOWN', 'UNAUTHORIZED', 'DENIED', 'NAME_UNKNOWN']
  for (const code of answers) {
    it(`fails when the registry has an answer, if not the wanted one: ${code}`, async () => {
      failing = code
      for (const policy of ['newer', 'always'] as const) await assert.rejects(ask(policy), { code })
    })
  }
})
