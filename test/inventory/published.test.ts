import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HearthError, isHearthError } from '../../src/errors.js'
import { whyUnpublished } from '../../src/inventory/published.js'
import { clean, removeReferences } from '../../src/inventory/remove.js'
import { parseReference } from '../../src/oci/reference.js'
import { MemoryRegistry } from '../../src/registry/memory-registry.js'
import { anImage } from '../support/an-image.js'
import { ACache } from './a-cache.js'

const SAME = 'docker.io/library/same:1'
const MOVED = 'docker.io/library/moved:1'
const ABSENT = 'docker.io/library/absent:1'

/** One image that the registry has too, one whose tag moved there, one that it never had, and two foreign names. */
async function matrix(): Promise<{ cache: ACache; registry: MemoryRegistry; pinned: string }> {
  const cache = new ACache()
  const registry = new MemoryRegistry()
  const image = await anImage({ seed: 'ours' })
  registry.add(parseReference(SAME), image)
  registry.add(parseReference(MOVED), await anImage({ seed: 'theirs' }))
  const pinned = `docker.io/library/same@${image.root.digest}`
  for (const name of [SAME, MOVED, ABSENT, pinned]) await cache.store(name, image)
  for (const name of ['same:1', `@${image.root.digest}`]) await cache.store(name, image, { adopted: true })
  return { cache, registry, pinned }
}

describe('removal of what is published', () => {
  it('takes only what the registry has under the same digest', async () => {
    const { cache, registry, pinned } = await matrix()
    const wanted = cache.references
    const report = await removeReferences(wanted, { ...cache.deps, registry }, { publishedOnly: true })
    assert.deepEqual(report.removed, [SAME, pinned].sort())
    assert.deepEqual(
      report.kept.map(({ reference, failure }) => [reference.replace(/^@.*/, '@digest'), failure.code]),
      [
        ['@digest', 'REFERENCE_INVALID'],
        [ABSENT, 'NAME_UNKNOWN'],
        [MOVED, 'DIGEST_MISMATCH'],
        ['same:1', 'REFERENCE_INVALID'],
      ],
    )
    assert.deepEqual(
      cache.references,
      report.kept.map(({ reference }) => reference),
    )
  })

  it('asks no registry about names that other tools made up', async () => {
    const { cache, registry } = await matrix()
    await removeReferences(['same:1'], { ...cache.deps, registry }, { publishedOnly: true })
    assert.deepEqual(registry.requests, [])
  })

  it('cleans around what is not published', async () => {
    const { cache, registry } = await matrix()
    const report = await clean({ ...cache.deps, registry }, { publishedOnly: true })
    assert.ok(report.removed.includes(SAME))
    assert.ok(cache.references.includes(MOVED))
    assert.equal(report.removedBlobs, 0)
  })

  it('keeps everything while the registry cannot be asked', async () => {
    const { cache } = await matrix()
    const registry = new MemoryRegistry({
      before: () => Promise.reject(new HearthError('UNAUTHORIZED', 'who are you?')),
    })
    const report = await removeReferences([SAME], { ...cache.deps, registry }, { publishedOnly: true })
    assert.deepEqual([report.removed, report.kept[0]?.failure.code], [[], 'UNAUTHORIZED'])
  })

  it('keeps a name that was moved to another image while the registry was asked', async () => {
    const { cache } = await matrix()
    const registry = new MemoryRegistry({
      before: async ({ step }) => {
        if (step === 'resolve') await cache.store(SAME, await anImage({ seed: 'newer' }))
      },
    })
    registry.add(parseReference(SAME), await anImage({ seed: 'ours' }))
    const report = await removeReferences([SAME], { ...cache.deps, registry }, { publishedOnly: true })
    assert.deepEqual([report.removed, report.kept.map(({ reference }) => reference)], [[], [SAME]])
    assert.ok(cache.references.includes(SAME))
  })

  it('stops with ABORTED instead of taking it for an answer', async () => {
    const options = { registry: new MemoryRegistry(), signal: AbortSignal.abort() }
    const asked = whyUnpublished(SAME, (await anImage()).root.digest, options)
    await assert.rejects(asked, (error) => isHearthError(error, 'ABORTED'))
  })

  it('is a mistake of the caller without a registry', async () => {
    const { cache } = await matrix()
    await assert.rejects(removeReferences([SAME], cache.deps, { publishedOnly: true }), TypeError)
  })
})
