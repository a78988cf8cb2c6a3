import { closeSync, constants, fchmodSync, fsync, openSync, rmSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { guardedAsync } from './fs-error.js'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
const syncFile = promisify(fsync)

/**
 * Writes bytes that are at hand as a whole into a new file: read-only, and on stable storage when this resolves. No state
 * goes with it and nothing is ever resumed: a manifest is sooner written again. A failure leaves no file; a crash may.
 * @throws HearthError NO_SPACE (with `needed` and `free`), STORE_READ_ONLY or STORE_FAILED.
 */
export async function stageBytes(path: string, bytes: Uint8Array): Promise<void> {
  await guardedAsync({ step: 'stage', path, needed: bytes.length }, async () => {
    const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      await fill(file, bytes)
    } catch (error) {
      // RELIABILITY 2, rule zero: nobody knows what of it is on the disk.
      rmSync(path, { force: true })
      throw error
    }
  })
}

async function fill(file: number, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
    fchmodSync(file, 0o444)
    await syncFile(file)
  } catch (error) {
    closeSync(file)
    throw error
  }
  closeSync(file)
}
