import type { BlobStore } from '../blobs/blob-store.js'
import type { EventLog, HeldLog, ReferenceRecord } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import { type Closure, closureOf, type ReadContent } from './closure.js'
import { type FinishDeps, finishRemovals } from './finish-removals.js'
import { inLanes } from './lanes.js'
import type { Snapshot, Surroundings } from './removal-plan.js'

export interface LookOptions {
  readonly blobs: BlobStore
  readonly read: ReadContent
  /** Also take in old leftovers: blobs that neither the log nor any reference knows. Milliseconds since 1970. */
  readonly leftoversBefore?: number
  readonly signal?: AbortSignal
}

/** Small files are read side by side; more than that would only queue in libuv's pool of threads. */
export const LANES = 8

/** What the log says now, with index.json adopted into it and the plans of earlier runs carried out. */
export function takeSnapshot(deps: FinishDeps & { readonly log: EventLog }, signal?: AbortSignal): Promise<Snapshot> {
  const take = async (held: HeldLog): Promise<Snapshot> => {
    await deps.materialise(held)
    await finishRemovals(held, deps)
    return readSnapshot(held)
  }
  return deps.log.hold(take, { ...(signal && { signal }) })
}

/** Assumes that index.json was adopted in this hold: the references of other tools' images protect their blobs. */
export async function readSnapshot(held: HeldLog): Promise<Snapshot> {
  return { references: await held.references(), blobs: await held.allBlobs(), head: held.head }
}

/** Reads what the decision about removing `names` needs. Takes its time, so the log must not be held meanwhile. */
export async function lookAround(
  snapshot: Snapshot,
  names: ReadonlySet<string>,
  options: LookOptions,
): Promise<Surroundings> {
  const closures = await closuresOf(snapshot.references, options)
  const reached = new Set<Digest>()
  for (const name of names) {
    for (const digest of closures.get(name)?.digests ?? []) if (!snapshot.blobs.has(digest)) reached.add(digest)
  }
  const unrecorded = new Map<Digest, { readonly size: number }>()
  const { blobs, leftoversBefore, signal } = options
  const lanes = { lanes: LANES, ...(signal && { signal }) }
  const look = async (digest: Digest): Promise<void> => {
    const stat = await blobs.stat(digest)
    if (stat !== undefined) unrecorded.set(digest, stat)
  }
  await inLanes(reached, look, lanes)
  if (leftoversBefore === undefined) return { closures, unrecorded }
  for await (const { digest } of blobs.list()) {
    if (digest === undefined || snapshot.blobs.has(digest) || reached.has(digest)) continue
    const stat = await blobs.stat(digest)
    if (stat !== undefined && stat.mtimeMs < leftoversBefore) unrecorded.set(digest, stat)
  }
  return { closures, unrecorded }
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
