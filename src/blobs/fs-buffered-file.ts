import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { guardedAsync } from './fs-error.js'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
const BUFFER_BYTES = 1024 * 1024
/** The disk begins early with what it has to have in the end. */
const FLUSH_EVERY_BYTES = 64 * 1024 * 1024

export interface SealOptions {
  /** Default `full`: on the disk when it is sealed. */
  readonly durability?: 'full' | 'relaxed'
  /** Of the finished file. Default: as it was created. */
  readonly mode?: number
}

/**
 * A file that is written from front to back: small pieces are gathered, and while the disk takes one buffer the caller fills
 * the other. Whatever fails, {@link abandon} is still to be called; nothing is tried again then (RELIABILITY 2, rule zero).
 */
export class BufferedFile {
  readonly path: string
  readonly #file: FileHandle
  readonly #flushes: boolean
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #spare = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #filled = 0
  #unflushed = 0
  #writing: Promise<void> = Promise.resolve()
  #flushing: Promise<void> = Promise.resolve()
  #isFlushing = false
  #closed = false

  /** A new file. @throws HearthError NO_SPACE, STORE_READ_ONLY or STORE_FAILED, also when there is one already. */
  static async create(path: string, mode: number): Promise<BufferedFile> {
    return await guardedAsync({ step: 'create', path }, async () => {
      return new BufferedFile(path, await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode), true)
    })
  }

  /** A device or a pipe that is there: written to as it is, and never fsynced. */
  static async openSpecial(path: string): Promise<BufferedFile> {
    return await guardedAsync({ step: 'open', path }, async () => new BufferedFile(path, await open(path, 'w'), false))
  }

  private constructor(path: string, file: FileHandle, flushes: boolean) {
    this.path = path
    this.#file = file
    this.#flushes = flushes
  }

  /** Takes a copy. @throws HearthError NO_SPACE or STORE_FAILED, maybe of an earlier write. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + this.#buffer.length - this.#filled)
      this.#buffer.set(piece, this.#filled)
      this.#filled += piece.length
      at += piece.length
      if (this.#filled === this.#buffer.length) await this.#turn()
    }
  }

  /** All of it written, and with `full` on stable storage; closed. The name is the caller's to make durable. */
  async seal({ durability = 'full', mode }: SealOptions = {}): Promise<void> {
    await this.#turn()
    await this.#writing
    await this.#flushing
    await guardedAsync({ step: 'fsync', path: this.path }, async () => {
      if (mode !== undefined) await this.#file.chmod(mode)
      if (this.#flushes && durability === 'full') await this.#file.sync()
      this.#closed = true
      await this.#file.close()
    })
  }

  /** Closes it as it is. Idempotent. */
  async abandon(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#flushing])
    if (this.#closed) return
    this.#closed = true
    await guardedAsync({ step: 'close', path: this.path }, () => this.#file.close())
  }

  async #turn(): Promise<void> {
    await this.#writing
    const full = this.#buffer.subarray(0, this.#filled)
    ;[this.#buffer, this.#spare] = [this.#spare, this.#buffer]
    this.#filled = 0
    this.#writing = this.#put(full)
    // Whoever writes next, seals or abandons hears of it.
    this.#writing.catch(() => {})
  }

  async #put(bytes: Uint8Array): Promise<void> {
    await guardedAsync({ step: 'write', path: this.path, needed: bytes.length }, async () => {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#file.write(bytes, done, bytes.length - done, null)).bytesWritten
      }
    })
    this.#unflushed += bytes.length
    if (!this.#flushes || this.#isFlushing || this.#unflushed < FLUSH_EVERY_BYTES) return
    this.#unflushed = 0
    this.#flushing = this.#flush()
    this.#flushing.catch(() => {})
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    await guardedAsync({ step: 'fsync', path: this.path }, () => this.#file.datasync())
    // After a failure it stays so: a second fsync would report success for what the first one lost.
    this.#isFlushing = false
  }
}
