/**
 * How far an ingest has come, as plain data: which bytes are written, and which of them would survive a power cut.
 * A checkpoint may understate what is on disk, never overstate it; the final digest decides in any case.
 */
import { type Digest, isDigest } from '../oci/digest.js'
import { checksumText } from '../oci/hasher.js'

/** The bytes from `from` up to, not including, `to`. */
export type Extent = readonly [from: number, to: number]

/** Sorted, without empty, overlapping or touching extents. */
export type Extents = readonly Extent[]

export interface Checkpoint {
  readonly digest: Digest
  /** Bytes of the whole blob. */
  readonly size: number
  /** The boot of the machine under which `written` holds: the page cache outlives a process, but not a reboot. */
  readonly boot: string
  /** No write has left a hole so far: the file's length alone shows what is written. */
  readonly appending: boolean
  readonly written: Extents
  /** What was fsynced: holds after a reboot too. */
  readonly synced: Extents
}

/** Which blob an ingest is for; a checkpoint of any other one is foreign. */
export interface IngestTarget {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export function emptyCheckpoint({ digest, size }: IngestTarget, boot: string): Checkpoint {
  return { digest, size, boot, appending: true, written: [], synced: [] }
}

/** `extents` together with `[from, to)`, merged where they touch. */
export function addExtent(extents: Extents, [from, to]: Extent): Extents {
  if (from >= to) return extents
  const last = extents.at(-1)
  // The common case by far: a stream goes on where it stopped.
  if (last !== undefined && last[1] === from) return [...extents.slice(0, -1), [last[0], to]]
  const before = extents.filter((extent) => extent[1] < from)
  const after = extents.filter((extent) => extent[0] > to)
  const touched = extents.slice(before.length, extents.length - after.length)
  const merged: Extent = [Math.min(from, touched[0]?.[0] ?? from), Math.max(to, touched.at(-1)?.[1] ?? to)]
  return [...before, merged, ...after]
}

/** Both together. */
export function union(left: Extents, right: Extents): Extents {
  return right.reduce(addExtent, left)
}

/** The part of `extents` below `length`. */
export function clip(extents: Extents, length: number): Extents {
  return extents.filter(([from]) => from < length).map(([from, to]) => [from, Math.min(to, length)])
}

/** What `extents` lack of `[0, size)`. */
export function missing(extents: Extents, size: number): Extents {
  const starts = [0, ...extents.map(([, to]) => to)]
  const ends = [...extents.map(([from]) => from), size]
  return starts.map((from, at): Extent => [from, ends[at] ?? size]).filter(([from, to]) => from < to)
}

/** How many bytes from the beginning are there without a hole. */
export function contiguousPrefix(extents: Extents): number {
  const first = extents[0]
  return first?.[0] === 0 ? first[1] : 0
}

export function coveredBytes(extents: Extents): number {
  return extents.reduce((sum, [from, to]) => sum + to - from, 0)
}

/** The extents that may be used now: all written ones in the same boot, in another one only what was fsynced. */
export function trusted(checkpoint: Checkpoint, currentBoot: string): Extents {
  return checkpoint.boot === currentBoot ? checkpoint.written : checkpoint.synced
}

/**
 * The checkpoint to go on from, given the data file's real `length` in bytes. Nothing beyond that length is believed.
 * While an ingest is append-only and the boot is the same, the bytes between the last checkpoint and the file's end are
 * used too: `write` put them there in order, and a killed process cannot take them back.
 */
export function resumed(found: Checkpoint, now: { readonly boot: string; readonly length: number }): Checkpoint {
  const { boot, length } = now
  const appended = found.appending && found.boot === boot
  const written = appended ? addExtent([], [0, length]) : clip(trusted(found, boot), length)
  return { ...found, boot, written, synced: clip(found.synced, length) }
}

/** One line of JSON with a version in front and a checksum of the rest at the end. */
export function encodeCheckpoint({ digest, size, boot, appending, written, synced }: Checkpoint): string {
  const body = { version: 1, digest, size, boot, appending, written, synced }
  return `${JSON.stringify({ ...body, checksum: checksumText(JSON.stringify(body)) })}\n`
}

/**
 * The way back from {@link encodeCheckpoint}. Undefined for anything else: a torn file, garbage, another version, another
 * blob's state. The ingest then starts over, which is always safe.
 */
export function decodeCheckpoint(text: string, target: IngestTarget): Checkpoint | undefined {
  const value = parseJson(text)
  if (!isCheckpoint(value) || value.digest !== target.digest || value.size !== target.size) return undefined
  const { digest, size, boot, appending, written, synced } = value
  const checkpoint = { digest, size, boot, appending, written, synced }
  // Encoding is deterministic, so equality checks version, field order and checksum at once.
  return encodeCheckpoint(checkpoint) === text ? checkpoint : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  const { digest, size, boot, appending, written, synced } = value as Record<string, unknown>
  return (
    isDigest(digest) &&
    isByteCount(size) &&
    typeof boot === 'string' &&
    typeof appending === 'boolean' &&
    isExtents(written, size) &&
    isExtents(synced, size)
  )
}

function isExtents(value: unknown, size: number): value is Extents {
  if (!Array.isArray(value)) return false
  let end = -1
  for (const extent of value as unknown[]) {
    if (!Array.isArray(extent) || extent.length !== 2) return false
    const [from, to] = extent as unknown[]
    if (!isByteCount(from) || !isByteCount(to) || from <= end || from >= to || to > size) return false
    end = to
  }
  return true
}

function isByteCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
