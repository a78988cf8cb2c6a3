import type { RemoveOptions } from '../call-options.js'
import type { RemovalDeps } from '../inventory/remove.js'
import type { RemoveReport } from '../inventory/reports.js'
import type { CacheParts } from './cache-parts.js'

/** Removes references, and the blobs that no other reference needs. */
export async function removeFrom(
  parts: CacheParts,
  references: readonly string[],
  options: RemoveOptions,
): Promise<RemoveReport> {
  const { nothingRemoved, removeReferences } = await import('../inventory/remove.js')
  if (!(await parts.isThere())) return nothingRemoved(references)
  return await removing(parts, options, (deps) => removeReferences(references, deps, options))
}

/** Removes all references, and every blob and partial download that no running pull relies on. */
export async function cleanOut(parts: CacheParts, options: RemoveOptions): Promise<RemoveReport> {
  const { clean, nothingRemoved } = await import('../inventory/remove.js')
  if (!(await parts.isThere())) return nothingRemoved([])
  // First, because on a full disk the log needs the room. Nothing of it is published, so nobody can be asked about it.
  const abandoned = options.publishedOnly ? 0 : await removeAbandoned(parts)
  const report = await removing(parts, options, (deps) => clean(deps, options))
  return { ...report, freedBytes: report.freedBytes + abandoned }
}

async function removing<T>(
  parts: CacheParts,
  { publishedOnly }: RemoveOptions,
  run: (deps: RemovalDeps) => Promise<T>,
): Promise<T> {
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const { path, blobs, materialise } = parts
  await parts.makeRoom()
  const deps = { log: await parts.log(), uses: await parts.uses(), blobs, materialise, now: () => Date.now() }
  const leases = new FsLeases(path)
  try {
    return await run({ ...deps, leases, ...(publishedOnly && { registry: await parts.registry() }) })
  } finally {
    await leases.release()
  }
}

async function removeAbandoned(parts: CacheParts): Promise<number> {
  if (!(await parts.isInitialised())) return 0
  const { removeAbandonedIngests } = await import('../blobs/fs-abandoned-ingests.js')
  const { bytes } = await removeAbandonedIngests(parts.path, { now: Date.now() })
  return bytes
}
