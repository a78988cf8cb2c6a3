import type { Digest } from '../oci/digest.js'
import type { ArchiveRecord, BlobRecord, PinRecord, ReferenceRecord } from './event-log.js'
import { EMPTY_HEAD, type Head, type Recorded } from './events.js'
import { checkFollows, headOf, logCorrupt } from './record.js'

/** A blob with the record that committed it, as far as that matters: for one that was not durable then. */
export type StoredBlob = BlobRecord & { readonly position?: number }

/** What the log amounts to, and the head it accounts for. */
export interface IndexState {
  readonly head: Head
  /** As committed; {@link withFlushes} says what is durable by now. */
  readonly blobs: ReadonlyMap<Digest, StoredBlob>
  readonly references: ReadonlyMap<string, ReferenceRecord>
  readonly pins: ReadonlyMap<string, PinRecord>
  readonly archives: ReadonlyMap<number, ArchiveRecord>
  /** RemovalPlanned records without their RemovalFinished: position to digests. */
  readonly removals: ReadonlyMap<number, readonly Digest[]>
  /** By boot: the position up to which all blobs that were committed in it are on the disk. */
  readonly flushes: ReadonlyMap<string, number>
}

export const emptyIndex: IndexState = Object.freeze({
  head: EMPTY_HEAD,
  blobs: new Map(),
  references: new Map(),
  pins: new Map(),
  archives: new Map(),
  removals: new Map(),
  flushes: new Map(),
})

/**
 * One change that a record makes to the projection; without a value the entry goes. The maps in memory and the tables
 * in a database follow the same effects, so they cannot disagree on what an event means.
 */
export type Effect =
  | { readonly table: 'blobs'; readonly key: Digest; readonly value?: StoredBlob }
  | { readonly table: 'references'; readonly key: string; readonly value?: ReferenceRecord }
  | { readonly table: 'archives'; readonly key: number; readonly value?: ArchiveRecord }
  | { readonly table: 'pins'; readonly key: string; readonly value?: PinRecord }
  | { readonly table: 'removals'; readonly key: number; readonly value?: readonly Digest[] }
  | { readonly table: 'flushes'; readonly key: string; readonly value?: number }

/** Pure: what a record changes. */
export function effectsOf(recorded: Recorded): readonly Effect[] {
  switch (recorded.type) {
    case 'BlobCommitted': {
      const { digest, size, mtimeMs, mediaType, durable, boot, position } = recorded
      const known = { size, mtimeMs, ...(mediaType !== undefined && { mediaType }), durable, boot }
      const value = { ...known, ...(!durable && { position }) }
      return [{ table: 'blobs', key: digest, value }]
    }
    case 'BlobRemoved':
      return [{ table: 'blobs', key: recorded.digest }]
    case 'ReferenceSet': {
      const { reference, descriptor, platforms, manifests, size, origin, position, at } = recorded
      const known = { ...(manifests !== undefined && { manifests }), ...(size !== undefined && { size }) }
      const value = { descriptor, platforms, ...known, origin, position, at }
      return [{ table: 'references', key: reference, value }]
    }
    case 'ReferenceRemoved':
      return [
        { table: 'references', key: recorded.reference },
        { table: 'pins', key: recorded.reference },
      ]
    case 'ReferencePinned': {
      const { reference, position, at } = recorded
      return [{ table: 'pins', key: reference, value: { position, at } }]
    }
    case 'LogCompacted': {
      const { from, through, last, digest, size } = recorded
      return [{ table: 'archives', key: from, value: { from, through, last, digest, size } }]
    }
    case 'ReferenceUnpinned':
      return [{ table: 'pins', key: recorded.reference }]
    case 'RemovalPlanned': {
      const { position, digests } = recorded
      const gone = digests.map((digest) => ({ table: 'blobs' as const, key: digest }))
      return [...gone, { table: 'removals', key: position, value: digests }]
    }
    case 'RemovalFinished':
      return [{ table: 'removals', key: recorded.plan }]
    case 'BlobsFlushed':
      return [{ table: 'flushes', key: recorded.boot, value: recorded.through }]
    default:
      return unreachable(recorded)
  }
}

/**
 * Pure: the blob as the log knows it once flushes are counted in. They are not written into each entry: one flush would
 * rewrite thousands.
 */
export function withFlushes({ position, ...record }: StoredBlob, flushes: ReadonlyMap<string, number>): BlobRecord {
  if (record.durable || position === undefined) return record
  return { ...record, durable: position <= (flushes.get(record.boot) ?? 0) }
}

/** As {@link applyAll}, for one record. */
export function apply(state: IndexState, recorded: Recorded): IndexState {
  return applyAll(state, [recorded])
}

/**
 * Pure: no clock, no I/O, never changes `state`. Replaying a record already applied is a no-op.
 * Same as folding {@link apply}, but copies the maps once: replay stays O(events).
 * @throws HearthError LOG_CORRUPT when a position is missing or the chain is broken.
 */
export function applyAll(state: IndexState, log: Iterable<Recorded>): IndexState {
  const tables = {
    blobs: new Map(state.blobs),
    references: new Map(state.references),
    pins: new Map(state.pins),
    archives: new Map(state.archives),
    removals: new Map(state.removals),
    flushes: new Map(state.flushes),
  }
  let head = state.head
  for (const recorded of log) {
    if (recorded.position <= head.position) continue
    checkFollows(recorded, head)
    for (const { table, key, value } of effectsOf(recorded)) {
      const map = tables[table] as Map<unknown, unknown>
      if (value === undefined) map.delete(key)
      else map.set(key, value)
    }
    head = headOf(recorded)
  }
  return { head, ...tables }
}

/** Compile error when a case is missing; at run time, an event from a newer version. */
function unreachable(recorded: never): never {
  throw logCorrupt(`unknown event: ${JSON.stringify(recorded)}`)
}
