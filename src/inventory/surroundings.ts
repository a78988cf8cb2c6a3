import type { BlobStore } from '../blobs/blob-store.js'
import type { EventLog, HeldLog, ReferenceRecord } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import { type Closure, closureOf, type ReadContent } from './closure.js'
import { type FinishDeps, finishRemovals } from './finish-removals.js'
import { inLanes, throwIfAborted } from './lanes.js'
import type { Snapshot, Surroundings } from './removal-plan.js'

export interface LookOptions {
  readonly blobs: BlobStore
  readonly read: ReadContent
  /** From {@link findLeftovers}: they may go, unless the log or a reference knows them. */
  readonly leftovers?: Leftovers
  readonly signal?: AbortSignal
}

/** Old blobs in the store, known to the log or not. */
export type Leftovers = ReadonlyMap<Digest, { readonly size: number }>

/** Small files are read side by side; more than that would only queue in libuv's pool of threads. */
export const LANES = 8

/** What the log says now, with index.json adopted into it and the plans of earlier runs carried out. */
export function takeSnapshot(deps: FinishDeps & { readonly log: EventLog }, signal?: AbortSignal): Promise<Snapshot> {
  const take = async (held: HeldLog): Promise<Snapshot> => {
    await deps.materialise(held)
    await finishRemovals(held, deps)
    return readSnapshot(held)
  }
  return deps.log.hold(take, { useReserve: true, ...(signal && { signal }) })
}

/** Assumes that index.json was adopted in this hold: the references of other tools' images protect their blobs. */
export async function readSnapshot(held: HeldLog): Promise<Snapshot> {
  const [references, pins, blobs] = [await held.references(), await held.pins(), await held.allBlobs()]
  return { references, pins, blobs, head: held.head }
}

/** Blobs that lie in the store since before a time, in milliseconds since 1970. */
export async function findLeftovers(blobs: BlobStore, before: number, signal?: AbortSignal): Promise<Leftovers> {
  const found = new Map<Digest, { readonly size: number }>()
  for await (const { digest, size, changedMs } of blobs.list()) {
    throwIfAborted(signal)
    if (digest !== undefined && changedMs < before) found.set(digest, { size })
  }
  return found
}

/** Reads what a decision about removing references needs. Takes its time, so the log should not be held meanwhile. */
export async function lookAround(snapshot: Snapshot, options: LookOptions): Promise<Surroundings> {
  const { blobs, leftovers = new Map(), signal } = options
  const closures = await closuresOf(snapshot.references, options)
  const unrecorded = new Map([...leftovers].filter(([digest]) => !snapshot.blobs.has(digest)))
  const look = async (digest: Digest): Promise<void> => {
    const stat = await blobs.stat(digest)
    if (stat !== undefined) unrecorded.set(digest, stat)
  }
  await inLanes(unknownIn(closures, snapshot), look, { lanes: LANES, ...(signal && { signal }) })
  return { closures, unrecorded }
}

/** What references need, was not found to be absent, and the log does not know: images that other tools wrote have such. */
function unknownIn(closures: ReadonlyMap<string, Closure>, { blobs }: Snapshot): ReadonlySet<Digest> {
  const unknown = new Set<Digest>()
  for (const { digests, absent } of new Set(closures.values())) {
    const notThere = new Set(absent)
    for (const digest of digests) if (!blobs.has(digest) && !notThere.has(digest)) unknown.add(digest)
  }
  return unknown
}

async function closuresOf(
  references: ReadonlyMap<string, ReferenceRecord>,
  { read, signal }: LookOptions,
): Promise<ReadonlyMap<string, Closure>> {
  const closures = new Map<string, Closure>()
  // Names that share a root share its closure: tags of one image are common.
  const roots = new Map<string, string[]>()
  const rootOf = ({ descriptor }: ReferenceRecord): string => `${descriptor.digest} ${descriptor.mediaType}`
  for (const [name, reference] of references) {
    const names = roots.get(rootOf(reference))
    if (names === undefined) roots.set(rootOf(reference), [name])
    else names.push(name)
  }
  const walk = async (names: readonly string[]): Promise<void> => {
    const root = references.get(names[0] ?? '')?.descriptor
    if (root === undefined) return
    const closure = await closureOf(root, read, signal)
    for (const name of names) closures.set(name, closure)
  }
  await inLanes(roots.values(), walk, { lanes: LANES, ...(signal && { signal }) })
  return closures
}
