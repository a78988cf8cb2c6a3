import assert from 'node:assert/strict'
import { before, beforeEach, describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { NOTHING_SWEPT } from '../../src/blobs/swept.js'
import { type ReclaimOptions, reclaim } from '../../src/inventory/reclaim.js'
import { removeReferences } from '../../src/inventory/remove.js'
import type { ReclaimReport } from '../../src/inventory/reports.js'
import { pendingEdits } from '../../src/materialise/materialise.js'
import { referenceRemoved } from '../support/a-log.js'
import { anArtifact } from '../support/an-artifact.js'
import type { BuiltImage } from '../support/an-image.js'
import { ACache, APP, digestsIn, twoImages, WEB } from './a-cache.js'

/** As tools list what refers to an image. */
const unnamed = ({ root }: BuiltImage): string => `@${root.digest}`

async function referrerOf({ root }: BuiltImage): Promise<BuiltImage> {
  const blobs = [{ bytes: Buffer.from(`about ${root.digest}`), mediaType: 'text/plain' }]
  return await anArtifact({ artifactType: 'a/note', subject: root, blobs })
}

describe('what refers to an image whose tag has moved', () => {
  let old: BuiltImage
  let now: BuiltImage
  let note: BuiltImage
  let ofNote: BuiltImage
  let cache: ACache

  before(async () => {
    ;[old, now] = await twoImages()
    note = await referrerOf(old)
    ofNote = await referrerOf(note)
  })
  beforeEach(async () => {
    cache = new ACache()
    await cache.store(APP, old)
    for (const referrer of [ofNote, note]) await cache.store(unnamed(referrer), referrer)
    await cache.store(APP, now)
  })

  const collect = (options: ReclaimOptions = {}): Promise<ReclaimReport> => {
    const sweeps = { ingests: async () => NOTHING_SWEPT, strays: async () => NOTHING_SWEPT }
    return reclaim({ ...cache.deps, sweeps, edits: (held) => pendingEdits(held, cache.indexFile) }, options)
  }
  const all = () => [APP, unnamed(note), unnamed(ofNote)].sort()

  it('goes with it', async () => {
    const plan = await collect({ dryRun: true })
    assert.deepEqual(cache.references, all())
    const report = await collect()
    assert.deepEqual(
      [plan, report].map(({ evicted }) => evicted.map(({ reference }) => reference).sort()),
      Array(2).fill([unnamed(note), unnamed(ofNote)].sort()),
    )
    assert.deepEqual([cache.references, await cache.stored()], [[APP], digestsIn(now)])
  })

  it('goes with the removal of another image, which takes its blobs', async () => {
    await cache.store(WEB, now)
    await removeReferences([WEB], cache.deps)
    assert.deepEqual([cache.references, await cache.stored()], [[APP], digestsIn(now)])
  })

  it('does not count against the budget of what stays', async () => {
    const { keptBytes } = await collect({ dryRun: true })
    await collect({ keepBytes: keptBytes })
    assert.deepEqual(cache.references, [APP])
  })

  it('stays as long as another name stands for the image, it is pinned, or a pull counts on the image', async () => {
    await cache.store(WEB, old)
    await collect()
    assert.deepEqual(cache.references, [...all(), WEB].sort())
    await cache.record({ type: 'ReferencePinned', reference: unnamed(note) }, referenceRemoved(WEB))
    await collect()
    assert.deepEqual(cache.references, all())
    await cache.record({ type: 'ReferenceUnpinned', reference: unnamed(note) })
    await cache.store(WEB, old)
    await cache.leases.lease([old.root.digest])
    await cache.record(referenceRemoved(WEB))
    await collect()
    assert.deepEqual(cache.references, all())
  })

  it('stays while it cannot be told what another image needs', async () => {
    await cache.store(WEB, now)
    assert.ok(cache.blobs instanceof MemoryBlobStore)
    cache.blobs.put(cache.blobs.pathOf(now.root.digest), Buffer.from('damaged'))
    await removeReferences([WEB], cache.deps)
    assert.deepEqual(cache.references, all())
  })
})

describe('what refers to an image that was never here', () => {
  it('stays, and what refers to that', async () => {
    const [absent, app] = await twoImages()
    const note = await referrerOf(absent)
    const ofNote = await referrerOf(note)
    const cache = new ACache()
    await cache.store(APP, app)
    for (const referrer of [note, ofNote]) await cache.store(unnamed(referrer), referrer)
    await removeReferences([APP], cache.deps)
    assert.deepEqual(cache.references, [unnamed(note), unnamed(ofNote)].sort())
    assert.deepEqual(await cache.stored(), digestsIn(note, ofNote))
  })
})
