import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DiskSpace } from '../../src/blobs/disk-space.js'
import { isHearthError } from '../../src/errors.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_LAYER } from '../../src/oci/media-type.js'
import { SpaceBudget } from '../../src/pull/space-budget.js'

const KEPT = 64 * 1024 * 1024
const aBlob = async (name: string, size: number): Promise<Descriptor> => {
  return { mediaType: OCI_LAYER, digest: await digestBytes(Buffer.from(name)), size }
}
const [A, B, C] = [await aBlob('a', 100), await aBlob('b', 200), await aBlob('c', 300)]

/** A disk with this many bytes beyond those that are kept; counts how often it was looked at. */
function aDisk(free: number, partial: Readonly<Record<string, number>> = {}): DiskSpace & { looks: number } {
  return {
    looks: 0,
    async free() {
      this.looks += 1
      return KEPT + free
    },
    partial: async (digest) => partial[digest] ?? 0,
  }
}
const isFull = (error: unknown): boolean => isHearthError(error, 'NO_SPACE')

describe('the space budget', () => {
  it('takes what fits to the byte, and refuses one more', async () => {
    await new SpaceBudget(aDisk(300)).reserve([A, B])
    await assert.rejects(new SpaceBudget(aDisk(299)).reserve([A, B]), isFull)
  })

  it('names what is needed and what is free', async () => {
    const budget = new SpaceBudget(aDisk(250))
    await budget.reserve([B])
    await assert.rejects(budget.reserve([A]), (error) => {
      assert.ok(isHearthError(error, 'NO_SPACE'))
      assert.deepEqual([error.details.needed, error.details.free], [300, KEPT + 250])
      return true
    })
  })

  it('counts each blob once over the whole job', async () => {
    const budget = new SpaceBudget(aDisk(300))
    await budget.reserve([A, A, B])
    await budget.reserve([B, A])
    await assert.rejects(budget.reserve([C]), isFull)
  })

  it('keeps nothing of what it refused', async () => {
    const budget = new SpaceBudget(aDisk(300))
    await assert.rejects(budget.reserve([A, C]), isFull)
    await budget.reserve([C])
  })

  it('gives room once, to whoever asks at the same time', async () => {
    const budget = new SpaceBudget(aDisk(300))
    const outcomes = await Promise.allSettled([[A], [A, B], [C], [B]].map((blobs) => budget.reserve(blobs)))
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    )
  })

  it('measures the disk once, before the job has written to it', async () => {
    const disk = aDisk(600)
    const budget = new SpaceBudget(disk)
    await Promise.all([budget.reserve([A]), budget.reserve([B])])
    await budget.reserve([C])
    assert.equal(disk.looks, 1)
  })

  it('needs no room for what an unfinished download already takes', async () => {
    const disk = aDisk(60, { [A.digest]: 50, [B.digest]: 1_000 })
    await new SpaceBudget(disk).reserve([A, B])
  })

  it('lets an image pass that needs nothing, however full the disk is', async () => {
    await new SpaceBudget(aDisk(-KEPT)).reserve([])
  })
})
