/** Removes a reference from a cache on disk, and dies by SIGKILL at the moment it is told. */
import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import { removeReferences } from '../../src/inventory/remove.js'
import type { Digest } from '../../src/oci/digest.js'
import { openParts } from './open-parts.js'

const [root = '', reference = '', moment = ''] = process.argv.slice(2)

function die(at: string): void {
  if (at === moment) process.kill(process.pid, 'SIGKILL')
}

class DyingStore extends FsBlobStore {
  override async remove(digests: readonly Digest[]): Promise<void> {
    die('before the first blob')
    await super.remove(digests.slice(0, 1))
    die('after the first blob')
    await super.remove(digests)
    die('before the plan is finished')
  }
}

const { deps } = await openParts(root)
let calls = 0
const materialise: typeof deps.materialise = async (held) => {
  calls += 1
  // The first call adopts, the second looks for edits right before the decision is recorded, the third writes it out.
  if (calls === 3) die('before index.json')
  await deps.materialise(held)
  if (calls === 2) die('before the plan')
}
await removeReferences([reference], { ...deps, blobs: new DyingStore(root), materialise })
