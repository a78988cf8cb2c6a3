/**
 * What crosses the thread boundary. Everything here must survive structured clone: strings, numbers, plain objects,
 * shared memory. No Error, no class, no function.
 */
import type { Failure } from '../errors.js'
import type { BlobSource } from '../oci/blob-source.js'
import type { Digest } from '../oci/digest.js'
import type { TransportOptions } from '../transport.js'

/** `relaxed` leaves blobs to the operating system's own time of writing; the log says so. */
export type Durability = 'full' | 'relaxed'

export interface FetchBlobTask {
  readonly kind: 'fetch-blob'
  readonly digest: Digest
  /** Bytes; the body is cut off and refused one byte above. */
  readonly size: number
  /** Absolute path of the ingest. What an earlier run left there of a larger blob is resumed. */
  readonly ingest: string
  readonly source: BlobSource
  /** Identity of this boot of the machine: after another one only fsynced extents are trusted. */
  readonly boot: string
  readonly durability: Durability
  /** Live view for the main thread, see task-control.ts. */
  readonly control: SharedArrayBuffer
}

export interface FetchBlobValue {
  /** Bytes that came over the network in this task. */
  readonly received: number
  /** Bytes that an earlier run had left and that were used. */
  readonly resumed: number
  /** The ingest was thrown away and begun again: the server ignored Range, or what was on disk was wrong. */
  readonly restarted: boolean
}

export interface VerifyBlobTask {
  readonly kind: 'verify-blob'
  /** Absolute path of the blob. */
  readonly path: string
  readonly digest: Digest
  /** Bytes; absent when nobody recorded a size. */
  readonly size?: number
  readonly control: SharedArrayBuffer
}

export interface VerifyBlobValue {
  readonly size: number
}

/** Given to each worker thread once, when it starts. */
export interface WorkerSettings {
  readonly transport: TransportOptions
  /** Bytes between two records of how far an ingest has come. */
  readonly checkpointEveryBytes: number
  /** For downloads on threads: how many run in all of them, one 32-bit number, and for how many processors. */
  readonly load?: { readonly running: SharedArrayBuffer; readonly processors: number }
}

export type TaskOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure }
