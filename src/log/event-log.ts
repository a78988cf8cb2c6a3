import type { Digest } from '../oci/digest.js'
import type { BlobCommitted, Head, HearthEvent, LogCompacted, Recorded, ReferenceSet } from './events.js'

/** A blob as the log knows it; `durable` also when it was flushed after its commit. */
export type BlobRecord = Pick<BlobCommitted, 'size' | 'mtimeMs' | 'mediaType' | 'durable' | 'boot'>

/** A reference as the log knows it, with the record that set it. */
export type ReferenceRecord = Pick<ReferenceSet, 'descriptor' | 'platforms' | 'manifests' | 'size' | 'origin'> & {
  readonly position: number
  readonly at: string
}

/** Records that stand in a file instead of the database. */
export type ArchiveRecord = Omit<LogCompacted, 'type'>

/** The record that pinned a reference. */
export interface PinRecord {
  readonly position: number
  readonly at: string
}

/**
 * The log while this process alone may change it. Valid only inside the callback of {@link EventLog.hold}: keep holds
 * short, never download in one.
 */
export interface HeldLog {
  readonly head: Head
  /** Appends all events or none; durable on return. @throws HearthError LOG_FAILED when they could not be written. */
  append(events: readonly HearthEvent[]): Promise<readonly Recorded[]>
  /** Those of the digests that the log counts as present. */
  blobs(digests: Iterable<Digest>): Promise<ReadonlyMap<Digest, BlobRecord>>
  allBlobs(): Promise<ReadonlyMap<Digest, BlobRecord>>
  references(): Promise<ReadonlyMap<string, ReferenceRecord>>
  reference(name: string): Promise<ReferenceRecord | undefined>
  /** Archives of old records, by the position of their first one. */
  archives(): Promise<ReadonlyMap<number, ArchiveRecord>>
  /** References that are pinned, by name. */
  pins(): Promise<ReadonlyMap<string, PinRecord>>
  /** RemovalPlanned records without their RemovalFinished: position to digests. A crash left them; finish them. */
  unfinishedRemovals(): Promise<ReadonlyMap<number, readonly Digest[]>>
  /** By boot: the position up to which all blobs that were committed in it are on the disk. */
  flushes(): Promise<ReadonlyMap<string, number>>
  /** As {@link EventLog.read}. The whole of a long log takes a second: not for what happens every day. */
  read(position: number): AsyncIterable<Recorded>
}

export interface HoldOptions {
  readonly signal?: AbortSignal
  /** For work that frees space: lets it use what was kept in store for a full disk. */
  readonly useReserve?: boolean
}

/** Port. An append-only, gap-free sequence of events shared by every process that uses this cache. */
export interface EventLog {
  /**
   * Runs `work` while no other process can append. Holds of one process run one after another.
   * @throws HearthError LOG_BUSY when another process did not yield in time, LOG_CORRUPT when the log is damaged.
   */
  hold<T>(work: (log: HeldLog) => Promise<T>, options?: HoldOptions): Promise<T>

  /**
   * Appends all events or none, and returns only when they would survive a power cut.
   * @param after the position the caller has seen; 0 for an empty log.
   * @throws HearthError LOG_CONFLICT when the log has moved on; LOG_BUSY when another process holds it.
   */
  append(events: readonly HearthEvent[], after: number, options?: HoldOptions): Promise<readonly Recorded[]>

  /** Every record after `position`, oldest first, each checked against its predecessor. */
  read(position: number, options?: HoldOptions): AsyncIterable<Recorded>

  /** Resolves when the log has gone beyond a position, whoever appended. Keeps nobody from appending while it waits. */
  changed(position: number, options?: HoldOptions): Promise<void>

  close(): Promise<void>
}
