import { type Failure, HearthError } from '../errors.js'
import type { EventLog, HeldLog } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import { contentReader } from './closure.js'
import type { FinishDeps } from './finish-removals.js'
import { decideRemoval, type Snapshot, type Surroundings } from './removal-plan.js'
import { lookAround, readSnapshot } from './surroundings.js'

export interface CommitDeps extends FinishDeps {
  readonly log: EventLog
  /** Milliseconds since 1970, as the file system has them. */
  readonly now: () => number
}

/** What to remove. */
export interface Wish {
  /** Names, each with the digest that it must still have; undefined for any. */
  readonly names: ReadonlyMap<string, Digest | undefined>
  /** Also blobs that neither the log nor a reference knows. */
  readonly leftovers: boolean
}

export interface CommittedRemoval {
  readonly removed: readonly string[]
  /** Positions of the plans to carry out. */
  readonly plans: readonly number[]
  /** Why the plans are empty although references went. */
  readonly blocked?: Failure
}

interface Decision {
  readonly snapshot: Snapshot
  readonly names: ReadonlySet<string>
  readonly surroundings: Surroundings
}

/** How often the decision is made anew because the log moved meanwhile. Manifests are read once in all of them. */
const TRIES = 10
/** Other tools write index.json last: a younger blob may belong to an image that one of them is copying right now. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000

/**
 * Decides on a snapshot, without holding the log, and records the decision only if the log is still where it was then.
 * @throws HearthError LOG_CONFLICT
 */
export async function commitRemoval(
  first: Snapshot,
  wish: Wish,
  { deps, signal }: { readonly deps: CommitDeps; readonly signal: AbortSignal | undefined },
): Promise<CommittedRemoval> {
  const read = contentReader(deps.blobs)
  const leftovers = wish.leftovers && { leftoversBefore: deps.now() - LEFTOVER_AGE_MS }
  let snapshot = first
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const names = stillMeant(wish, snapshot)
    const look = { blobs: deps.blobs, read, ...leftovers, ...(signal && { signal }) }
    const surroundings = await lookAround(snapshot, names, look)
    const commit = (held: HeldLog): Promise<CommittedRemoval | Snapshot> =>
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

/** Gives the newer snapshot instead when the decision rests on an old one. */
async function commitAt(
  held: HeldLog,
  { snapshot, names, surroundings }: Decision,
  { leases, materialise }: CommitDeps,
): Promise<CommittedRemoval | Snapshot> {
  await materialise(held)
  if (held.head.checksum !== snapshot.head.checksum) return readSnapshot(held)
  const leased = await leases.leased()
  const { events, blocked } = decideRemoval({ ...surroundings, snapshot, names, leased })
  const recorded = events.length === 0 ? [] : await held.append(events)
  if (recorded.length > 0) await materialise(held)
  const plans = recorded.filter(({ type }) => type === 'RemovalPlanned').map(({ position }) => position)
  return { removed: [...names].sort(), plans, ...(blocked && { blocked }) }
}
