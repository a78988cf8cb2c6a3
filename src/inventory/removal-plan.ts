import type { Failure } from '../errors.js'
import type { BlobRecord, PinRecord, ReferenceRecord } from '../log/event-log.js'
import type { Head, HearthEvent, ReferenceRemoved } from '../log/events.js'
import { unneeded } from '../log/unneeded.js'
import type { Digest } from '../oci/digest.js'
import type { Closure } from './closure.js'

/** What the log said at one position: the base of a decision. */
export interface Snapshot {
  readonly head: Head
  readonly references: ReadonlyMap<string, ReferenceRecord>
  readonly pins: ReadonlyMap<string, PinRecord>
  readonly blobs: ReadonlyMap<Digest, BlobRecord>
}

/** What a removal has to know besides the log, gathered without holding it. */
export interface Surroundings {
  /** The closure of every reference in the snapshot, under its name. */
  readonly closures: ReadonlyMap<string, Closure>
  /** Blobs in the store that the log does not know and that may go too, with their sizes. */
  readonly unrecorded: ReadonlyMap<Digest, { readonly size: number }>
}

/** All that a decision rests on. */
export interface RemovalView extends Surroundings {
  readonly snapshot: Snapshot
  /** Read while the log is held, or else a pull may count on a blob that this takes away: see `Leases`. */
  readonly leased: ReadonlySet<Digest>
}

export interface RemovalInput extends RemovalView {
  /** References to remove; each is in the snapshot. */
  readonly names: ReadonlySet<string>
  /** Whether they go for want of room, and nobody named them. */
  readonly evicts?: boolean
}

export interface RemovalDecision {
  readonly events: readonly HearthEvent[]
  /** The blobs that go. */
  readonly digests: readonly Digest[]
  /** Why no blob may go: what cannot be read might need any of them. */
  readonly blocked?: Failure
}

/** One plan is carried out in one hold of the log, which should stay well under 200 ms. */
const BLOBS_PER_PLAN = 256

/** Pure. Removes references, and the blobs that no remaining reference needs and no lease holds. */
export function decideRemoval(input: RemovalInput): RemovalDecision {
  const { snapshot, names, closures, unrecorded, leased, evicts = false } = input
  const removed = referencesRemoved(names, evicts)
  const needed = new Set<Digest>()
  for (const name of snapshot.references.keys()) {
    if (names.has(name)) continue
    const closure = closures.get(name)
    if (closure === undefined) throw new TypeError(`no closure for ${name}`)
    const blocked = doubtOf(name, closure, snapshot)
    if (blocked !== undefined) return { events: removed, digests: [], blocked }
    for (const digest of closure.digests) needed.add(digest)
  }
  const { digests } = unneeded(new Map([...unrecorded, ...snapshot.blobs]), { needed, leased })
  const events: HearthEvent[] = [...removed]
  for (let start = 0; start < digests.length; start += BLOBS_PER_PLAN) {
    events.push({ type: 'RemovalPlanned', digests: digests.slice(start, start + BLOBS_PER_PLAN) })
  }
  return { events, digests }
}

function referencesRemoved(names: ReadonlySet<string>, evicts: boolean): ReferenceRemoved[] {
  const why = evicts && ({ reason: 'evicted' } as const)
  return [...names].sort().map((reference) => ({ type: 'ReferenceRemoved', reference, ...why }))
}

/**
 * Why a remaining reference's closure may be larger than what was found. A manifest that is absent, that the log does not know
 * and the reference does not promise, belongs to a platform that was not pulled, or to a name that another tool left dangling:
 * it needs nothing of ours.
 */
export function doubtOf(reference: string, closure: Closure, { references, blobs }: Snapshot): Failure | undefined {
  const { damage, absent, digests } = closure
  if (damage !== undefined) return { ...damage, details: { ...damage.details, reference } }
  const { root, served } = promisedBy(references.get(reference))
  // One that was not met lies below an index that is absent.
  const isAbsent = (digest: Digest): boolean => !digests.has(digest) || absent.includes(digest)
  const lost = absent.find((digest) => blobs.has(digest) || digest === root) ?? served.find(isAbsent)
  if (lost === undefined) return undefined
  return { code: 'BLOB_UNKNOWN', message: `${reference} has lost ${lost}`, details: { reference, digest: lost } }
}

/** Manifests that were there when the reference was set, whatever became of them: a repair takes damaged ones out of the log. */
function promisedBy(record: ReferenceRecord | undefined): { root?: Digest; served: readonly Digest[] } {
  if (record === undefined || (record.origin === 'adopted' && record.platforms.length === 0)) return { served: [] }
  const served = Object.values(record.manifests ?? {}).map(({ digest }) => digest)
  return { root: record.descriptor.digest, served }
}
