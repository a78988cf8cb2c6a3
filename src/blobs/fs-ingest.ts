import { closeSync, fchmodSync, fdatasync, fsync, ftruncateSync, readSync, rmSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { HearthError, isHearthError } from '../errors.js'
import {
  addExtent,
  type Checkpoint,
  contiguousPrefix,
  coveredBytes,
  type Extents,
  emptyCheckpoint,
  union,
} from './checkpoint.js'
import { writeCheckpoint, writeSyncedCheckpoint } from './fs-checkpoint-file.js'
import { guarded, guardedAsync } from './fs-error.js'
import { syncFolder } from './fs-folder.js'
import { emptyData, hasState, type IngestOptions, ingestDataPath, type OpenData, openData } from './fs-ingest-data.js'

const syncData = promisify(fdatasync)
const syncFile = promisify(fsync)

/**
 * One blob being written: a folder with the bytes (`data`) and how far they have come (`state.json`), or, of a small blob, a
 * file with the bytes. Whatever a crash leaves can be opened again, so a killed thread needs no clean-up. The byte path is
 * synchronous: bytes are written while they are in the processor's cache. Assumes that the caller holds the blob's claim:
 * nobody else writes here.
 */
export class FsIngest {
  /** Of the folder, or of a small blob's file. */
  readonly #place: string
  readonly #path: string
  #file: number
  #checkpoint: Checkpoint
  /** The flush under way, in a form that never rejects. */
  #flushing: Promise<void> | undefined

  /**
   * Resumes what an earlier run left at `place`, or starts over when that is not to be trusted: a small blob, another blob's
   * state, a link, anything but a regular file, more bytes than the blob has.
   * @throws HearthError NO_SPACE, STORE_READ_ONLY or STORE_FAILED.
   */
  static open(place: string, options: IngestOptions): FsIngest {
    const context = { step: 'open', path: ingestDataPath(place, options.size), needed: options.size }
    return new FsIngest(
      place,
      guarded(context, () => openData(place, options)),
    )
  }

  private constructor(place: string, { file, checkpoint }: OpenData) {
    this.#place = place
    this.#path = ingestDataPath(place, checkpoint.size)
    this.#file = file
    this.#checkpoint = checkpoint
  }

  /** The extents that hold bytes of this blob: what an earlier run left and what this one wrote. */
  get trusted(): Extents {
    return this.#checkpoint.written
  }

  /** @throws HearthError NO_SPACE (with `needed` and `free`), STORE_READ_ONLY or STORE_FAILED; earlier bytes stay good. */
  write(offset: number, chunk: Uint8Array): void {
    const { size, appending, written } = this.#checkpoint
    if (offset < 0 || offset + chunk.length > size)
      throw new TypeError(`no room for ${chunk.length} bytes at ${offset}`)
    if (appending && offset > contiguousPrefix(written)) {
      // From this write on the file's length says nothing: that must stand on disk before the hole does.
      this.#checkpoint = { ...this.#checkpoint, appending: false }
      this.#record()
    }
    guarded({ step: 'write', path: this.#path, needed: size - coveredBytes(written) }, () => {
      for (let done = 0; done < chunk.length; ) {
        const count = writeSync(this.#open(), chunk, done, chunk.length - done, offset + done)
        this.#extend(offset + done, offset + done + count)
        done += count
      }
    })
  }

  /** Fills `buffer` from `offset`; gives the number of bytes read, smaller only at the file's end. */
  read(offset: number, buffer: Uint8Array): number {
    return guarded({ step: 'read', path: this.#path }, () => {
      let done = 0
      while (done < buffer.length) {
        const count = readSync(this.#open(), buffer, done, buffer.length - done, offset + done)
        if (count === 0) break
        done += count
      }
      return done
    })
  }

  /** Records what is written against the death of this process. Free for a single stream: its length says it already. */
  checkpoint(): void {
    if (!this.#checkpoint.appending) this.#record()
  }

  /**
   * Makes what is written so far survive a power cut. Writing may go on meanwhile; one flush at a time.
   * @throws HearthError STORE_FAILED when the disk refused the bytes. The ingest is removed then (RELIABILITY 2, rule
   *   zero): nobody knows which pages were lost, and a second fsync would report success.
   */
  async flush(): Promise<void> {
    if (this.#flushing !== undefined) throw new TypeError('one flush at a time')
    const flushing = this.#flush(this.#open())
    this.#flushing = flushing.catch(() => undefined)
    try {
      await flushing
    } finally {
      this.#flushing = undefined
    }
  }

  /** Throws away every byte and begins again from zero. Not while a flush is under way. */
  restart(): void {
    guarded({ step: 'truncate', path: this.#path }, () => {
      if (this.#hasState) emptyData(this.#place, this.#open())
      else ftruncateSync(this.#open(), 0)
    })
    this.#checkpoint = emptyCheckpoint(this.#checkpoint, this.#checkpoint.boot)
    this.#record()
  }

  /**
   * Ends the ingest, ready for commit: read-only, closed, and with `full` on stable storage. The digest is the caller's to
   * check before. When the disk refuses, the ingest is removed: rule zero.
   * @throws HearthError SIZE_MISMATCH when bytes are missing (the ingest stays open), NO_SPACE or STORE_FAILED.
   */
  async seal(durability: 'full' | 'relaxed'): Promise<void> {
    await this.#flushing
    const file = this.#open()
    this.#checkComplete()
    this.checkpoint()
    await this.#orAbandon('seal', async () => {
      fchmodSync(file, 0o444)
      // Not fdatasync: the mode changed too.
      if (durability === 'full') await syncFile(file)
      this.#close()
    })
  }

  /**
   * Records progress and closes, after a flush under way; the ingest can be opened again. What was not sealed of a small blob
   * goes. Idempotent.
   */
  async close(): Promise<void> {
    await this.#flushing
    if (this.#file < 0) return
    if (!this.#hasState) return guarded({ step: 'remove', path: this.#path }, () => this.#abandon())
    try {
      this.checkpoint()
    } catch (error) {
      // On a full disk, say. The record before this one is true as well, only older.
      if (!isHearthError(error)) throw error
    }
    guarded({ step: 'close', path: this.#path }, () => this.#close())
  }

  async #flush(file: number): Promise<void> {
    const { written } = this.#checkpoint
    await this.#orAbandon('fsync', () => syncData(file))
    if (!this.#hasState) return
    this.#checkpoint = { ...this.#checkpoint, synced: union(this.#checkpoint.synced, written) }
    await guardedAsync({ step: 'record', path: this.#path }, async () => {
      await writeSyncedCheckpoint(this.#place, this.#checkpoint)
      await syncFolder(this.#place)
    })
  }

  /** Rule zero: after a failed fsync or close the bytes on disk are anybody's guess. */
  async #orAbandon(step: string, run: () => Promise<void>): Promise<void> {
    await guardedAsync({ step, path: this.#path }, async () => {
      try {
        await run()
      } catch (error) {
        this.#abandon()
        throw error
      }
    })
  }

  #abandon(): void {
    try {
      if (this.#file >= 0) this.#close()
    } finally {
      rmSync(this.#place, { recursive: true, force: true })
    }
  }

  /** Whether a state on disk vouches for the bytes. */
  get #hasState(): boolean {
    return hasState(this.#checkpoint.size)
  }

  #checkComplete(): void {
    const { size, written } = this.#checkpoint
    const actual = contiguousPrefix(written)
    if (actual === size) return
    throw new HearthError('SIZE_MISMATCH', `${actual} of ${size} bytes are there`, { expected: size, actual })
  }

  #extend(from: number, to: number): void {
    this.#checkpoint = { ...this.#checkpoint, written: addExtent(this.#checkpoint.written, [from, to]) }
  }

  #record(): void {
    if (!this.#hasState) return
    guarded({ step: 'record', path: this.#path }, () => writeCheckpoint(this.#place, this.#checkpoint))
  }

  #open(): number {
    if (this.#file >= 0) return this.#file
    throw new HearthError('STORE_FAILED', 'the ingest is closed', { step: 'use', path: this.#path })
  }

  #close(): void {
    const file = this.#file
    // Before the call: after a failed close the number is free, and closing it again could hit another file.
    this.#file = -1
    closeSync(file)
  }
}
