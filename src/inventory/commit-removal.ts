import { type Failure, HearthError } from '../errors.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import { contentReader } from './closure.js'
import { type FinishDeps, finishRemovals, type RemovedBlobs } from './finish-removals.js'
import { throwIfAborted } from './lanes.js'
import { withReferrers } from './referrers.js'
import { decideRemoval, type RemovalView, type Snapshot, type Surroundings } from './removal-plan.js'
import { findLeftovers, lookAround, readSnapshot } from './surroundings.js'

export interface CommitDeps extends FinishDeps {
  readonly log: EventLog
  /** Milliseconds since 1970, as the file system has them. */
  readonly now: () => number
}

/** What to remove. */
export interface Wish {
  /** Which references are to go. Asked while the log is held, about what is true then: it must not take long. */
  readonly choose: (view: RemovalView) => Promise<ReadonlySet<string>>
  /** Also blobs that neither the log nor a reference knows. */
  readonly leftovers: boolean
  /** Nobody asked for these names, only for room: they stay when no blob can go. */
  readonly evicts?: boolean
}

export interface CommittedRemoval {
  readonly removed: readonly string[]
  /** Positions of the plans to carry out. */
  readonly plans: readonly number[]
  /** The blobs in these plans. */
  readonly digests: readonly Digest[]
  /** What the decision rests on. */
  readonly view: RemovalView
  /** Why the plans are empty although references went, or why references that should be evicted stay. */
  readonly blocked?: Failure
}

/** How often the decision is made anew because the log moved meanwhile. Manifests are read once in all of them. */
const TRIES = 10
/** Other tools write index.json last: a younger blob may belong to an image that one of them is copying right now. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000

interface Call {
  readonly deps: CommitDeps
  readonly signal: AbortSignal | undefined
}

/**
 * Decides on a snapshot, without holding the log, and records the decision only if the log is still where it was then. Beside
 * many pulls it never rests for so long: the last decision is made while the log is held, when all that is left to read are the
 * manifests of the newest images.
 * @throws HearthError LOG_CONFLICT when other tools keep changing index.json meanwhile.
 */
export async function commitRemoval(first: Snapshot, wish: Wish, call: Call): Promise<CommittedRemoval> {
  const { deps, signal } = call
  const look = await lookFor(wish, call)
  const options = { useReserve: true, ...(signal && { signal }) }
  let snapshot = first
  for (let attempt = 1; attempt < TRIES; attempt++) {
    const surroundings = await look(snapshot)
    const commit = (held: HeldLog) => commitAt(held, { snapshot, surroundings, wish }, deps)
    const outcome: CommittedRemoval | Snapshot = await deps.log.hold(commit, options)
    if ('plans' in outcome) return outcome
    snapshot = outcome
  }
  const outcome = await deps.log.hold(async (held) => {
    await deps.materialise(held)
    const last = await readSnapshot(held)
    return commitAt(held, { snapshot: last, surroundings: await look(last), wish }, deps)
  }, options)
  if ('plans' in outcome) return outcome
  throw new HearthError('LOG_CONFLICT', 'other processes kept changing the cache; try again', { tries: TRIES })
}

/**
 * Carries out plans that were recorded, one hold of the log for each: other processes get their turn in between.
 * @returns what is gone now.
 * @throws HearthError ABORTED; the next removal completes the rest.
 */
export async function carryOut(plans: readonly number[], { deps, signal }: Call): Promise<RemovedBlobs> {
  const removed = new Map<Digest, number>()
  for (const plan of plans) {
    throwIfAborted(signal)
    const finished = await deps.log.hold((held) => finishRemovals(held, deps, [plan]), { useReserve: true })
    for (const [digest, size] of finished) removed.set(digest, size)
  }
  return removed
}

/** Reads each manifest once, and lists the store once. */
export async function lookFor(
  { leftovers }: Pick<Wish, 'leftovers'>,
  { deps: { blobs, now }, signal }: Call,
): Promise<(snapshot: Snapshot) => Promise<Surroundings>> {
  const options = { blobs, read: contentReader(blobs), ...(signal && { signal }) }
  const found = leftovers && { leftovers: await findLeftovers(blobs, now() - LEFTOVER_AGE_MS, signal) }
  return (snapshot) => lookAround(snapshot, { ...options, ...found })
}

interface Decision {
  readonly snapshot: Snapshot
  readonly surroundings: Surroundings
  readonly wish: Wish
}

/** Gives the newer snapshot instead when the decision rests on an old one. */
async function commitAt(
  held: HeldLog,
  { snapshot, surroundings, wish }: Decision,
  { leases, materialise }: CommitDeps,
): Promise<CommittedRemoval | Snapshot> {
  await materialise(held)
  if (held.head.checksum !== snapshot.head.checksum) return readSnapshot(held)
  const view = { ...surroundings, snapshot, leased: await leases.leased() }
  const { names, digests, events, blocked } = await decide(view, wish)
  const recorded = events.length === 0 ? [] : await held.append(events)
  if (recorded.length > 0) await materialise(held)
  const plans = recorded.filter(({ type }) => type === 'RemovalPlanned').map(({ position }) => position)
  return { removed: names, plans, digests, view, ...(blocked && { blocked }) }
}

/** What a wish comes to, on what is true at one moment. */
export async function decide(view: RemovalView, { choose, evicts = false }: Wish) {
  const chosen = withReferrers(await choose(view), view)
  const decision = decideRemoval({ ...view, names: chosen, evicts })
  if (decision.blocked === undefined || !evicts) return { names: [...chosen], ...decision }
  return { names: [], ...decideRemoval({ ...view, names: new Set(), evicts }), blocked: decision.blocked }
}
