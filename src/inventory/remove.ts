import { type Failure, HearthError, isHearthError, toFailure } from '../errors.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import type { Registry } from '../registry/registry.js'
import { contentReader } from './closure.js'
import { findReference } from './find-reference.js'
import { type FinishDeps, finishRemovals } from './finish-removals.js'
import { inLanes, throwIfAborted } from './lanes.js'
import { whyUnpublished } from './published.js'
import { decideRemoval, type Snapshot, type Surroundings } from './removal-plan.js'
import type { RemoveReport } from './reports.js'
import { LANES, lookAround, readSnapshot, takeSnapshot } from './surroundings.js'

export interface RemovalDeps extends FinishDeps {
  readonly log: EventLog
  /** Needed for `publishedOnly` alone. */
  readonly registry?: Registry
  /** Milliseconds since 1970, as the file system has them. */
  readonly now: () => number
}

export interface RemovalOptions {
  /** Remove only what the registry still has under the same digest. */
  readonly publishedOnly?: boolean
  readonly signal?: AbortSignal
}

type Kept = RemoveReport['kept'][number]

/** What to remove: names, each with the digest that was asked about at the registry, or without one. */
interface Wish {
  readonly names: ReadonlyMap<string, Digest | undefined>
  readonly kept: readonly Kept[]
  /** Also blobs that neither the log nor a reference knows. */
  readonly leftovers: boolean
}

interface Committed {
  readonly removed: readonly string[]
  readonly plans: readonly number[]
  readonly blocked?: Failure
}

/** How often the decision is made anew because the log moved meanwhile. Manifests are read once in all of them. */
const TRIES = 10
/** Other tools write index.json last: a younger blob may belong to an image that one of them is copying right now. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000

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
  const { found, unknown } = findAll(names, snapshot)
  const { names: allowed, kept } = await askRegistry(found, { snapshot, deps, options })
  if (allowed.size === 0) return { removed: [], kept: [...unknown, ...kept], removedBlobs: 0, freedBytes: 0 }
  return run(snapshot, { names: allowed, kept: [...unknown, ...kept], leftovers: false }, { deps, options })
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

async function run(first: Snapshot, wish: Wish, call: Call): Promise<RemoveReport> {
  const { removed, plans, blocked } = await decideAndCommit(first, wish, call)
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

function findAll(names: readonly string[], { references }: Snapshot): { found: Set<string>; unknown: Kept[] } {
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
): Promise<Pick<Wish, 'names' | 'kept'>> {
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

/**
 * Decides on a snapshot, without holding the log, and records the decision only if the log is still where it was then.
 * @throws HearthError LOG_CONFLICT
 */
async function decideAndCommit(first: Snapshot, wish: Wish, { deps, options }: Call): Promise<Committed> {
  const { signal } = options
  const read = contentReader(deps.blobs)
  const leftovers = wish.leftovers && { leftoversBefore: deps.now() - LEFTOVER_AGE_MS }
  let snapshot = first
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const names = stillMeant(wish, snapshot)
    const look = { blobs: deps.blobs, read, ...leftovers, ...(signal && { signal }) }
    const surroundings = await lookAround(snapshot, names, look)
    const commit = (held: HeldLog): Promise<Committed | Snapshot> =>
      commitAt(held, { snapshot, names, surroundings }, deps)
    const outcome = await deps.log.hold(commit, { ...(signal && { signal }) })
    if ('plans' in outcome) return outcome
    snapshot = outcome
  }
  throw new HearthError('LOG_CONFLICT', 'other processes kept changing the cache; try again', { tries: TRIES })
}

/** Another process may have removed the name meanwhile, or moved it to an image that the registry was not asked about. */
function stillMeant({ names }: Wish, { references }: Snapshot): ReadonlySet<string> {
  const meant = [...names].filter(([name, asked]) => {
    const digest = references.get(name)?.descriptor.digest
    return digest !== undefined && (asked === undefined || asked === digest)
  })
  return new Set(meant.map(([name]) => name))
}

interface Decision {
  readonly snapshot: Snapshot
  readonly names: ReadonlySet<string>
  readonly surroundings: Surroundings
}

/** Gives the newer snapshot instead when the decision rests on an old one. */
async function commitAt(
  held: HeldLog,
  { snapshot, names, surroundings }: Decision,
  { leases, materialise }: RemovalDeps,
): Promise<Committed | Snapshot> {
  await materialise(held)
  if (held.head.checksum !== snapshot.head.checksum) return readSnapshot(held)
  const leased = await leases.leased()
  const { events, blocked } = decideRemoval({ ...surroundings, snapshot, names, leased })
  const recorded = events.length === 0 ? [] : await held.append(events)
  if (recorded.length > 0) await materialise(held)
  const plans = recorded.filter(({ type }) => type === 'RemovalPlanned').map(({ position }) => position)
  return { removed: [...names].sort(), plans, ...(blocked && { blocked }) }
}
