import { readSync } from 'node:fs'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { type OpenBlob, openBlob } from '../src/blobs/fs-blob-file.js'
import { storeError } from '../src/blobs/fs-error.js'
import { HearthError, toFailure } from '../src/errors.js'
import { algorithmOf } from '../src/oci/digest.js'
import { createHasher } from '../src/oci/hasher.js'
import { reportBytes, stopRequested } from '../src/pool/task-control.js'
import type { TaskOutcome, VerifyBlobTask, VerifyBlobValue } from '../src/pool/tasks.js'

const READ_BYTES = 1024 * 1024
/** Synchronous reads stop the thread's other tasks, whose sockets wait: so now and then they get their turn. */
const READS_PER_TURN = 8

/**
 * Re-hashes a stored blob. Never throws: a failure is a value, so that its code survives the way to the main thread.
 * BLOB_UNKNOWN for anything but a regular file, SIZE_MISMATCH, DIGEST_MISMATCH, STORE_FAILED when the disk cannot read it,
 * ABORTED when the main thread asked to stop.
 */
export default async function verifyBlob(task: VerifyBlobTask): Promise<TaskOutcome<VerifyBlobValue>> {
  try {
    return { ok: true, value: await verify(task) }
  } catch (error) {
    return { ok: false, failure: toFailure(error) }
  }
}

async function verify(task: VerifyBlobTask): Promise<VerifyBlobValue> {
  const blob = await openBlob(task.path)
  try {
    checkSize(task, task.size ?? blob.size, blob.size)
    await checkBytes(task, blob)
    return { size: blob.size }
  } finally {
    await blob.file.close()
  }
}

async function checkBytes(task: VerifyBlobTask, { file, size }: OpenBlob): Promise<void> {
  const { digest: expected, control, path } = task
  const hasher = await createHasher(algorithmOf(expected))
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, size + 1))
  let done = 0
  for (let reads = 1; ; reads++) {
    if (stopRequested(control)) throw new HearthError('ABORTED', 'stopped while verifying a blob', { digest: expected })
    const count = readOnce(file.fd, { buffer, position: done, path })
    if (count === 0) break
    hasher.update(buffer.subarray(0, count))
    done += count
    // The file grows under our hands: it is not the blob any more, and may never end.
    if (done > size) break
    reportBytes(control, done)
    if (reads % READS_PER_TURN === 0) await yieldToOthers()
  }
  checkSize(task, size, done)
  const actual = hasher.digest()
  if (actual === expected) return
  throw new HearthError('DIGEST_MISMATCH', `the blob ${expected} is damaged`, { path, expected, actual })
}

interface Read {
  readonly buffer: Uint8Array
  readonly position: number
  readonly path: string
}

function readOnce(file: number, { buffer, position, path }: Read): number {
  try {
    return readSync(file, buffer, 0, buffer.length, position)
  } catch (error) {
    throw storeError(error, { step: 'read', path })
  }
}

function checkSize({ digest, path }: VerifyBlobTask, expected: number, actual: number): void {
  if (actual === expected) return
  throw new HearthError('SIZE_MISMATCH', `the blob ${digest} has another size`, { path, expected, actual })
}
