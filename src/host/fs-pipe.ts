import { constants, createReadStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

// Not of fs/promises: its handle would close what belongs to the socket.
const openDescriptor = promisify(open)
/** Linux tells nobody that a reader has come. */
const LOOK_AGAIN_MS = 50

/**
 * What a path names, as a stream: a file, a device, or a named pipe. Nothing waits in a thread for whoever is to write to a pipe:
 * with a thread that does, a process cannot even exit. Destroying the stream ends it at once.
 * @throws the file system's own errors; some come from the stream.
 */
export async function openStream(path: string): Promise<Readable> {
  if (!(await stat(path)).isFIFO()) return createReadStream(path)
  const fd = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

/** A named pipe to write to, once somebody reads from it; undefined when the signal came first. @throws the file system's own errors. */
export async function openPipe(path: string, signal?: AbortSignal): Promise<Socket | undefined> {
  while (!signal?.aborted) {
    const fd = await openIfRead(path)
    if (fd !== undefined) return new Socket({ fd, readable: false, writable: true })
    await sleep(LOOK_AGAIN_MS)
  }
  return undefined
}

async function openIfRead(path: string): Promise<number | undefined> {
  try {
    return await openDescriptor(path, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    // Nobody reads yet.
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENXIO') return undefined
    throw error
  }
}
