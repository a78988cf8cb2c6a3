import { isHearthError, toFailure } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import type { Registry } from '../registry/registry.js'
import { type CommitDeps, commitRemoval, type Wish } from './commit-removal.js'
import { findReference } from './find-reference.js'
import { finishRemovals } from './finish-removals.js'
import { inLanes, throwIfAborted } from './lanes.js'
import { whyUnpublished } from './published.js'
import type { Snapshot } from './removal-plan.js'
import type { RemoveReport } from './reports.js'
import { LANES, takeSnapshot } from './surroundings.js'

export interface RemovalDeps extends CommitDeps {
  /** Needed for `publishedOnly` alone. */
  readonly registry?: Registry
}

export interface RemovalOptions {
  /** Remove only what the registry still has under the same digest. */
  readonly publishedOnly?: boolean
  readonly signal?: AbortSignal
}

type Kept = RemoveReport['kept'][number]

/** What the registry, if it was asked, lets go. */
interface Allowed {
  readonly names: Wish['names']
  readonly kept: readonly Kept[]
}

/**
 * Removes references, then the blobs that neither a remaining reference nor a running pull needs. On return the references
 * are gone, durably and from index.json too; the next removal completes what a crash leaves undone.
 * @param names as users write them; unknown ones are reported as kept.
 * @throws HearthError LOG_CONFLICT when the log moved too often meanwhile, LOG_BUSY, STORE_BUSY, ABORTED.
 */
export async function removeReferences(
  names: readonly string[],
  deps: RemovalDeps,
  options: RemovalOptions = {},
): Promise<RemoveReport> {
  const snapshot = await takeSnapshot(deps, options.signal)
  const { found, unknown } = findAll(names, snapshot.references)
  const { names: allowed, kept } = await askRegistry(found, { snapshot, deps, options })
  if (allowed.size === 0) return { removed: [], kept: [...unknown, ...kept], removedBlobs: 0, freedBytes: 0 }
  return run(snapshot, { names: allowed, kept: [...unknown, ...kept], leftovers: false }, { deps, options })
}

/** Pure: the report for a folder that holds no cache. */
export function nothingRemoved(names: readonly string[]): RemoveReport {
  return { removed: [], kept: findAll(names, new Map()).unknown, removedBlobs: 0, freedBytes: 0 }
}

/** Removes all references, and every blob that no running pull relies on. Order and failures as above. */
export async function clean(deps: RemovalDeps, options: RemovalOptions = {}): Promise<RemoveReport> {
  const snapshot = await takeSnapshot(deps, options.signal)
  const asked = await askRegistry(new Set(snapshot.references.keys()), { snapshot, deps, options })
  return run(snapshot, { ...asked, leftovers: true }, { deps, options })
}

interface Call {
  readonly deps: RemovalDeps
  readonly options: RemovalOptions
}

async function run(first: Snapshot, wish: Wish & Allowed, call: Call): Promise<RemoveReport> {
  const { removed, plans, blocked } = await commitRemoval(first, wish, { deps: call.deps, signal: call.options.signal })
  let removedBlobs = 0
  let freedBytes = 0
  for (const plan of plans) {
    throwIfAborted(call.options.signal)
    // One hold for each plan: other processes get their turn in between.
    const finished = await call.deps.log.hold((held) => finishRemovals(held, call.deps, [plan]))
    removedBlobs += finished.removedBlobs
    freedBytes += finished.freedBytes
  }
  const done = new Set(removed)
  const missed = [...wish.names.keys()].filter((name) => !done.has(name))
  const kept = [...wish.kept, ...missed.map(overtaken)]
  return { removed, kept, removedBlobs, freedBytes, ...(blocked && { blobsKept: blocked }) }
}

function overtaken(reference: string): Kept {
  const message = 'another process removed it or moved it to another image meanwhile'
  return { reference, failure: { code: 'REFERENCE_UNKNOWN', message, details: { reference } } }
}

function findAll(
  names: readonly string[],
  references: Snapshot['references'],
): { found: Set<string>; unknown: Kept[] } {
  const stored = new Map([...references].map(([name, { descriptor }]) => [name, descriptor.digest]))
  const found = new Set<string>()
  const unknown: Kept[] = []
  for (const name of names) {
    try {
      found.add(findReference(name, stored))
    } catch (error) {
      if (!isHearthError(error, 'REFERENCE_UNKNOWN')) throw error
      unknown.push({ reference: name, failure: toFailure(error) })
    }
  }
  return { found, unknown }
}

/** With `publishedOnly` those of the names that may go, and why the others stay; else all of them, unasked. */
async function askRegistry(
  wanted: ReadonlySet<string>,
  { snapshot, deps, options }: Call & { readonly snapshot: Snapshot },
): Promise<Allowed> {
  const { publishedOnly = false, signal } = options
  if (!publishedOnly) return { names: new Map([...wanted].map((name) => [name, undefined])), kept: [] }
  const { registry } = deps
  if (registry === undefined) throw new TypeError('publishedOnly needs a registry')
  const names = new Map<string, Digest>()
  const kept: Kept[] = []
  const ask = async (reference: string): Promise<void> => {
    const digest = snapshot.references.get(reference)?.descriptor.digest
    if (digest === undefined) return
    const failure = await whyUnpublished(reference, digest, { registry, ...(signal && { signal }) })
    if (failure === undefined) names.set(reference, digest)
    else kept.push({ reference, failure })
  }
  await inLanes(wanted, ask, { lanes: LANES, ...(signal && { signal }) })
  return { names, kept: kept.sort((a, b) => (a.reference < b.reference ? -1 : 1)) }
}
