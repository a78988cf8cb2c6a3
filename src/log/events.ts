import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'

/** How a reference came into the cache. */
export type Origin = 'pulled' | 'adopted' | 'imported' | 'restored'

/** A blob is visible under blobs/, and was verified. */
export interface BlobCommitted {
  readonly type: 'BlobCommitted'
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** The file's modification time at commit: another value later means that someone replaced it. */
  readonly mtimeMs: number
  readonly mediaType?: string
  /** Whether the blob was fsynced before this event; if not, it is hashed again after a reboot. */
  readonly durable: boolean
  readonly boot: string
}

/** A blob turned out to be damaged or missing, and is not there any more. */
export interface BlobRemoved {
  readonly type: 'BlobRemoved'
  readonly digest: Digest
}

export interface ReferenceSet {
  readonly type: 'ReferenceSet'
  /** Canonical name; a name adopted from another tool stands as that tool wrote it, an unnamed entry as `@<digest>`. */
  readonly reference: string
  /** The registry's own root: an index stays whole even if only some platforms were fetched. */
  readonly descriptor: Descriptor
  /** Platforms whose blobs are complete: `linux/arm64/v8`. Empty for artifacts and for what was adopted unread. */
  readonly platforms: readonly string[]
  /** Which manifest of the root index serves each of them: tools that cannot choose from an index read these. */
  readonly manifests?: Readonly<Record<string, Descriptor>>
  /** Bytes of root, manifests, configs and layers of those platforms; absent when adopted unread. */
  readonly size?: number
  readonly origin: Origin
}

export interface ReferenceRemoved {
  readonly type: 'ReferenceRemoved'
  readonly reference: string
  /** Why, when nobody asked for it by name: it did not fit into a budget, or was not used for long. */
  readonly reason?: 'evicted'
}

/** A name is to stay: no budget takes it away, whatever image it comes to stand for. */
export interface ReferencePinned {
  readonly type: 'ReferencePinned'
  readonly reference: string
}

export interface ReferenceUnpinned {
  readonly type: 'ReferenceUnpinned'
  readonly reference: string
}

/** These blobs are about to be removed: from here on they count as absent. */
export interface RemovalPlanned {
  readonly type: 'RemovalPlanned'
  readonly digests: readonly Digest[]
}

/** The files of the plan recorded at `plan` are gone. */
export interface RemovalFinished {
  readonly type: 'RemovalFinished'
  /** Position of the RemovalPlanned record. */
  readonly plan: number
}

/**
 * All blobs that were committed in this boot up to a position, durable or not, have reached the disk by now: a reboot does
 * not put them in doubt.
 */
export interface BlobsFlushed {
  readonly type: 'BlobsFlushed'
  /** Position up to which, inclusive. */
  readonly through: number
  /** Blobs of earlier boots are not meant: what those had not written is lost. */
  readonly boot: string
}

/** Old records moved from the database to an archive, a file of lines. They stay part of the log, and of its chain. */
export interface LogCompacted {
  readonly type: 'LogCompacted'
  /** Positions of the first and the last record in the file. */
  readonly from: number
  readonly through: number
  /** Checksum of the last record: what the first one after it continues. */
  readonly last: string
  /** Of the file, with its bytes. */
  readonly digest: Digest
  readonly size: number
}

/** What happened. Closed union; a released type is never edited: a new shape is a new type plus an upcast. */
export type HearthEvent =
  | BlobCommitted
  | BlobRemoved
  | ReferenceSet
  | ReferenceRemoved
  | ReferencePinned
  | ReferenceUnpinned
  | RemovalPlanned
  | RemovalFinished
  | BlobsFlushed
  | LogCompacted

/** An event as it stands in the log. `checksum` covers every other field; `previous` is the preceding record's. */
export type Recorded = HearthEvent & {
  /** From 1, without gaps. */
  readonly position: number
  /** Unique: settles whether an append whose outcome was unknown has happened. */
  readonly id: string
  /** ISO 8601, informational: order is by position alone. */
  readonly at: string
  readonly previous: string
  readonly checksum: string
}

/** The last record: position 0 and an empty checksum for an empty log. */
export interface Head {
  readonly position: number
  readonly checksum: string
}

export const EMPTY_HEAD: Head = Object.freeze({ position: 0, checksum: '' })
