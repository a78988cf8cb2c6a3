import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HEARTH_FOLDER } from '../oci/image-layout.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { availableBytes, LOG_NEEDS_BYTES } from './fs-space.js'

/** Bytes that are free for us in the file system of a path. */
export type FreeSpace = (path: string) => Promise<number>

const RESERVE_BYTES = 1024 * 1024
/** Above this the reserve may be laid in again without getting in anybody's way. */
const AMPLE_BYTES = 64 * RESERVE_BYTES

/**
 * Keeps a megabyte in store, so that images can be removed from a full disk: removing begins with writing to the log.
 * Idempotent; does nothing while there is little space.
 */
export async function keepReserve(root: string, freeSpace: FreeSpace = availableBytes): Promise<void> {
  const path = reservePath(root)
  if ((await sizeOf(path)) === RESERVE_BYTES || (await freeSpace(root)) < AMPLE_BYTES) return
  try {
    const file = await open(path, 'w', 0o600)
    try {
      // Random bytes: a file system that compresses would keep nothing in store for zeros.
      const noise = globalThis.crypto.getRandomValues(new Uint8Array(64 * 1024))
      for (let written = 0; written < RESERVE_BYTES; written += noise.length) await file.write(noise)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    // Someone was faster with the space. The reserve is a kindness, not a promise.
    const failure = storeFailure(error, `write ${path}`)
    if (failure.code !== 'NO_SPACE') throw failure
  }
}

/** Gives the reserve back to a full disk; keeps it otherwise. Idempotent. */
export async function useReserve(root: string, freeSpace: FreeSpace = availableBytes): Promise<void> {
  if ((await freeSpace(root)) >= LOG_NEEDS_BYTES) return
  try {
    await rm(reservePath(root), { force: true })
  } catch (error) {
    throw storeFailure(error, `remove ${reservePath(root)}`)
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw storeFailure(error, `look at ${path}`)
  }
}

function reservePath(root: string): string {
  return join(root, HEARTH_FOLDER, 'reserve')
}
