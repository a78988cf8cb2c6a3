import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import { FsLeases } from '../../src/blobs/fs-lease.js'
import { FsUses } from '../../src/inventory/fs-uses.js'
import type { RemovalDeps } from '../../src/inventory/remove.js'
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { FsIndexFile } from '../../src/materialise/fs-index-file.js'
import { openOrInit } from '../../src/materialise/fs-init.js'
import { materialise } from '../../src/materialise/materialise.js'

const OPTIONS = { lockTimeoutMs: 60_000 }

/** The parts of a cache on disk, as the composition root puts them together. Adopts what lies in the folder. */
export async function openParts(
  root: string,
): Promise<{ log: LevelEventLog; indexFile: FsIndexFile; deps: RemovalDeps }> {
  await openOrInit(root, OPTIONS)
  const log = await LevelEventLog.open(root, OPTIONS)
  const indexFile = new FsIndexFile({ root, ...OPTIONS })
  const deps: RemovalDeps = {
    log,
    blobs: new FsBlobStore(root),
    leases: new FsLeases(root),
    uses: new FsUses(root),
    materialise: (held) => materialise(held, indexFile),
    now: Date.now,
  }
  return { log, indexFile, deps }
}
