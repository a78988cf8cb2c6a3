import type { Digest, ProgressEvent } from '../index.js'

const SAME_BLOB_EVERY_MS = 1000

/** Every event as it is, but of each blob's bytes one a second: dozens of blobs report ten times a second. */
export function createRecords(): (event: ProgressEvent, nowMs: number) => ProgressEvent | undefined {
  const told = new Map<Digest, number>()
  return (event, nowMs) => {
    if (event.type === 'blob-done' || event.type === 'blob-failed') told.delete(event.digest)
    if (event.type !== 'blob-progress') return event
    const last = told.get(event.digest)
    if (last !== undefined && nowMs - last < SAME_BLOB_EVERY_MS) return undefined
    told.set(event.digest, nowMs)
    return event
  }
}
