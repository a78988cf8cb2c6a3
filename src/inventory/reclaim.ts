import type { Swept } from '../blobs/swept.js'
import { HearthError } from '../errors.js'
import type { HeldLog } from '../log/event-log.js'
import type { HearthEvent } from '../log/events.js'
import { applyAll, emptyIndex } from '../log/projection.js'
import { sealAll } from '../log/record.js'
import type { Digest } from '../oci/digest.js'
import { type CommitDeps, carryOut, commitRemoval, decide, lookFor, type Wish } from './commit-removal.js'
import { type Budget, type EvictionInput, lastUseOf, planEvictions, usedAhead } from './eviction.js'
import { withReferrers } from './referrers.js'
import type { RemovalView, Snapshot } from './removal-plan.js'
import type { ReclaimReport } from './reports.js'
import { readSnapshot, takeSnapshot } from './surroundings.js'
import type { Uses } from './uses.js'

/** What lies beside the blobs, and can go without the log. Both only look in a dry run. */
export interface Sweeps {
  /** Partial downloads that nobody has gone on with for long. */
  readonly ingests: (leased: ReadonlySet<Digest>) => Promise<Swept>
  /** Files under blobs/ that can be no blobs. */
  readonly strays: () => Promise<Swept>
}

export interface ReclaimDeps extends CommitDeps {
  readonly uses: Uses
  readonly sweeps: Sweeps
  /** What other tools did to index.json, not taken over yet: for a dry run, which records nothing. */
  readonly edits: (held: HeldLog) => Promise<readonly HearthEvent[]>
}

export interface ReclaimOptions {
  /** Evict references, least recently used first, until the blobs take at most so many bytes. */
  readonly keepBytes?: number
  /** Evict references that were not used for so long; with `keepBytes`, none that was. */
  readonly keepNewerMs?: number
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/**
 * Removes what nothing needs: blobs that no reference leads to and no pull counts on, old blobs that nobody knows, strays, stale
 * partial downloads; with a budget also references, least recently used first, with the blobs that only they need. Safe beside
 * pulls and other collections in any number of processes, and safe to be killed at any point: the next one completes it.
 * @throws HearthError OPTION_INVALID, LOG_CONFLICT, LOG_BUSY, STORE_BUSY, ABORTED.
 */
export async function reclaim(deps: ReclaimDeps, options: ReclaimOptions = {}): Promise<ReclaimReport> {
  const { dryRun = false, signal } = options
  const budget = budgetOf(options, deps.now())
  // First, because on a full disk the log needs the room.
  const ingests = await deps.sweeps.ingests(await deps.leases.leased())
  const strays = await deps.sweeps.strays()
  const snapshot = dryRun ? await peek(deps, signal) : await takeSnapshot(deps, signal)
  const choose = await chooser(snapshot, { ...budget, dryRun }, deps)
  const wish: Wish = { choose, leftovers: true, evicts: true }
  const call = { deps, signal }
  if (dryRun) {
    const view = { ...(await (await lookFor(wish, call))(snapshot)), snapshot, leased: await deps.leases.leased() }
    const { names, digests, blocked } = await decide(view, wish)
    const sizes = sizesIn(view)
    const gone = new Map(digests.map((digest) => [digest, sizes.get(digest)?.size ?? 0]))
    return report({ view, names, gone, ingests, strays, ...(blocked && { blocked }) }, options, deps)
  }
  const { view, removed: names, plans, blocked } = await commitRemoval(snapshot, wish, call)
  const gone = await carryOut(plans, call)
  const done = await report({ view, names, gone, ingests, strays, ...(blocked && { blocked }) }, options, deps)
  const evicted = new Set(names)
  await deps.uses.keepOnly([...view.snapshot.references.keys()].filter((name) => !evicted.has(name)))
  return done
}

/** Pure. @throws HearthError OPTION_INVALID */
function budgetOf({ keepBytes, keepNewerMs }: ReclaimOptions, now: number): Budget {
  for (const [option, value] of Object.entries({ keepBytes, keepNewerMs })) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue
    throw new HearthError('OPTION_INVALID', `${option} must be a whole number, 0 or more`, {
      option,
      found: `${value}`,
    })
  }
  return {
    ...(keepBytes !== undefined && { keepBytes }),
    ...(keepNewerMs !== undefined && { usedSince: now - keepNewerMs }),
  }
}

/** What a collection would find, which first takes over what other tools did to index.json: here only in memory. */
function peek({ log, edits, now }: ReclaimDeps, signal: AbortSignal | undefined): Promise<Snapshot> {
  const stamp = () => ({ id: '', at: new Date(now()).toISOString() })
  const look = async (held: HeldLog): Promise<Snapshot> => {
    const snapshot = await readSnapshot(held)
    return applyAll({ ...emptyIndex, ...snapshot }, sealAll(await edits(held), snapshot.head, stamp))
  }
  return log.hold(look, { ...(signal && { signal }) })
}

/**
 * Decides what to evict. Uses are noted without the log, so those of the chosen references are looked at once more when the log
 * is held: a pull that found its image a moment ago keeps it.
 */
async function chooser(
  { references: known }: Snapshot,
  { dryRun, ...budget }: Budget & { readonly dryRun: boolean },
  deps: ReclaimDeps,
): Promise<Wish['choose']> {
  if (budget.keepBytes === undefined && budget.usedSince === undefined) return async () => new Set()
  const uses = new Map(await deps.uses.lastUses(known.keys()))
  // Their time begins now: else they would stay until it comes.
  if (!dryRun) await deps.uses.touch(usedAhead({ references: known, uses, now: deps.now() }))
  return async (view) => {
    const { pins } = view.snapshot
    const sizes = sizesIn(view)
    // What goes anyway needs no room.
    const going = withReferrers(new Set(), view)
    const references = new Map([...view.snapshot.references].filter(([name]) => !going.has(name)))
    for (;;) {
      const { names } = planEvictions({ ...view, references, pins, sizes, uses, now: deps.now() }, budget)
      const fresh = [...(await deps.uses.lastUses(names))].filter(([name, use]) => use > (uses.get(name) ?? 0))
      if (fresh.length === 0) return new Set(names)
      for (const [name, use] of fresh) uses.set(name, use)
    }
  }
}

interface Outcome {
  readonly view: RemovalView
  readonly names: readonly string[]
  readonly gone: ReadonlyMap<Digest, number>
  readonly ingests: Swept
  readonly strays: Swept
  readonly blocked?: ReclaimReport['blobsKept']
}

async function report(
  { view, names, gone, ingests, strays, blocked }: Outcome,
  { dryRun = false, keepBytes }: ReclaimOptions,
  deps: ReclaimDeps,
): Promise<ReclaimReport> {
  const times = { uses: await deps.uses.lastUses(names), now: deps.now() }
  const ofEvicted = new Set(names.flatMap((name) => [...(view.closures.get(name)?.digests ?? [])]))
  const why = (digest: Digest) =>
    ofEvicted.has(digest) ? 'evicted' : view.snapshot.blobs.has(digest) ? 'unreferenced' : 'unknown'
  const sum = (reason: ReturnType<typeof why>) => total([...gone].filter(([digest]) => why(digest) === reason))
  const removed = { evicted: sum('evicted'), unreferenced: sum('unreferenced'), unknown: sum('unknown') }
  const kept = total([...sizesIn(view)].filter(([digest]) => !gone.has(digest)).map(([key, { size }]) => [key, size]))
  return {
    dryRun,
    evicted: names.flatMap((name) => describe(name, view, times)),
    removed: { ...removed, strays, ingests },
    removedBlobs: gone.size,
    freedBytes: total([...gone]).bytes + strays.bytes + ingests.bytes,
    keptBlobs: kept.count,
    keptBytes: kept.bytes,
    overBudgetBytes: Math.max(0, kept.bytes - (keepBytes ?? kept.bytes)),
    ...(blocked && { blobsKept: blocked }),
  }
}

function describe(
  reference: string,
  { snapshot }: RemovalView,
  times: Pick<EvictionInput, 'uses' | 'now'>,
): ReclaimReport['evicted'] {
  const record = snapshot.references.get(reference)
  if (record === undefined) return []
  const lastUsed = new Date(lastUseOf(reference, record, times)).toISOString()
  return [{ reference, digest: record.descriptor.digest, lastUsed }]
}

function sizesIn({ snapshot, unrecorded }: RemovalView): ReadonlyMap<Digest, { readonly size: number }> {
  return new Map([...unrecorded, ...snapshot.blobs])
}

function total(blobs: readonly (readonly [Digest, number])[]): Swept {
  return { count: blobs.length, bytes: blobs.reduce((sum, [, size]) => sum + size, 0) }
}
