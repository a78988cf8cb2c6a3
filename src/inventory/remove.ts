import type { Digest } from '../oci/digest.js'
import { quote } from '../oci/quote.js'
import { subjectOf } from '../oci/referrer.js'
import type { Registry } from '../registry/registry.js'
import { type CommitDeps, carryOut, commitRemoval } from './commit-removal.js'
import { findReferences } from './find-reference.js'
import { inLanes } from './lanes.js'
import { whyUnpublished } from './published.js'
import { withoutReferrersOfOthers } from './referrers.js'
import type { RemovalView, Snapshot } from './removal-plan.js'
import type { RemoveReport } from './reports.js'
import { LANES, takeSnapshot } from './surroundings.js'
import type { Uses } from './uses.js'

export interface RemovalDeps extends CommitDeps {
  readonly uses: Uses
  /** Needed for `publishedOnly` alone. */
  readonly registry?: Registry
}

export interface RemovalOptions {
  /** Remove only what the registry still has under the same digest. */
  readonly publishedOnly?: boolean
  /** Remove pinned references too. */
  readonly force?: boolean
  readonly signal?: AbortSignal
}

type Kept = RemoveReport['kept'][number]

/** Names that may go, and why the others stay. */
interface Allowed {
  /** Each with the digest that it must still have; undefined for any. */
  readonly names: ReadonlyMap<string, Digest | undefined>
  readonly kept: readonly Kept[]
}

interface Call {
  readonly deps: RemovalDeps
  readonly options: RemovalOptions
}

/**
 * Removes references, then the blobs that neither a remaining reference nor a running pull needs. On return the references
 * are gone, durably and from index.json too; the next removal completes what a crash leaves undone.
 * @param names as users write them; unknown and pinned ones are reported as kept.
 * @throws HearthError LOG_CONFLICT when the log moved too often meanwhile, LOG_BUSY, STORE_BUSY, ABORTED.
 */
export async function removeReferences(
  names: readonly string[],
  deps: RemovalDeps,
  options: RemovalOptions = {},
): Promise<RemoveReport> {
  const snapshot = await takeSnapshot(deps, options.signal)
  const { found, unknown } = findReferences(names, snapshot.references)
  const { names: allowed, kept } = await allow(found, { snapshot, deps, options })
  if (allowed.size === 0) return { removed: [], kept: [...unknown, ...kept], removedBlobs: 0, freedBytes: 0 }
  return run(snapshot, { names: allowed, kept: [...unknown, ...kept], everything: false }, { deps, options })
}

/** Pure: the report for a folder that holds no cache. */
export function nothingRemoved(names: readonly string[]): RemoveReport {
  return { removed: [], kept: findReferences(names, new Map()).unknown, removedBlobs: 0, freedBytes: 0 }
}

/**
 * Removes all references but pinned ones and what refers to them, and every blob that no running pull relies on. Order and
 * failures as above.
 */
export async function clean(deps: RemovalDeps, options: RemovalOptions = {}): Promise<RemoveReport> {
  const snapshot = await takeSnapshot(deps, options.signal)
  // A registry can be asked about an image alone: what refers to it goes with it.
  const named = [...snapshot.references].filter(([, { descriptor }]) => {
    return !options.publishedOnly || subjectOf(descriptor) === undefined
  })
  const allowed = await allow(new Set(named.map(([name]) => name)), { snapshot, deps, options })
  return run(snapshot, { ...allowed, everything: true }, { deps, options })
}

async function run(
  first: Snapshot,
  { names, kept, everything }: Allowed & { readonly everything: boolean },
  { deps, options }: Call,
): Promise<RemoveReport> {
  const { force = false, signal } = options
  const choose = async (view: RemovalView) => {
    const meant = stillMeant(names, view.snapshot, force)
    return everything ? withoutReferrersOfOthers(meant, view) : meant
  }
  const { removed, plans, view, blocked } = await commitRemoval(
    first,
    { choose, leftovers: everything },
    { deps, signal },
  )
  const gone = await carryOut(plans, { deps, signal })
  const done = new Set(removed)
  await deps.uses.keepOnly([...view.snapshot.references.keys()].filter((name) => !done.has(name)))
  const meant = stillMeant(names, view.snapshot, force)
  const missed = [...names.keys()].filter((name) => !meant.has(name))
  return {
    removed: [...removed].sort(),
    kept: [...kept, ...missed.map(overtaken)],
    removedBlobs: gone.size,
    freedBytes: [...gone.values()].reduce((sum, size) => sum + size, 0),
    ...(blocked && { blobsKept: blocked }),
  }
}

/** Another process may have removed or pinned the name, or moved it to an image that the registry was not asked about. */
function stillMeant(names: Allowed['names'], { references, pins }: Snapshot, force: boolean): ReadonlySet<string> {
  const meant = [...names].filter(([name, asked]) => {
    const digest = references.get(name)?.descriptor.digest
    return digest !== undefined && (asked === undefined || asked === digest) && (force || !pins.has(name))
  })
  return new Set(meant.map(([name]) => name))
}

function overtaken(reference: string): Kept {
  const message = 'another process removed it, pinned it or moved it to another image meanwhile'
  return { reference, failure: { code: 'REFERENCE_UNKNOWN', message, details: { reference } } }
}

function pinned(reference: string): Kept {
  const message = `${quote(reference)} is pinned: unpin it first, or force its removal`
  return { reference, failure: { code: 'REFERENCE_PINNED', message, details: { reference } } }
}

/** All but pinned ones; with `publishedOnly` those of them that the registry has. */
async function allow(found: ReadonlySet<string>, call: Call & { readonly snapshot: Snapshot }): Promise<Allowed> {
  const { pins } = call.snapshot
  const isHeld = (name: string): boolean => !call.options.force && pins.has(name)
  const { names, kept } = await askRegistry(new Set([...found].filter((name) => !isHeld(name))), call)
  return { names, kept: [...[...found].filter(isHeld).map(pinned), ...kept] }
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
