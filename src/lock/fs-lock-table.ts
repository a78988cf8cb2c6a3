import { closeSync, readSync, writeSync } from 'node:fs'
import { type Lock, LockFile, type LockHolder, lockFailure, openToRead, unlessFull } from './fs-lock.js'

/** Holders are noted in so many slots, so that the file stays small: two who meet in one overwrite each other's note. */
const SLOTS = 4096
const SLOT_BYTES = 32
/** macOS locks whole files: there, a table that holds anything keeps all others out. */
const HAS_RANGES = process.platform !== 'darwin'

/**
 * Many short locks in one file, a byte each. A lock costs 20 us, where a file of its own took 0.5 ms to make and to remove. It
 * ends with its process, as every OFD lock does. The file is never removed. Beside the locks stands who has them, for people.
 */
export class LockTable {
  readonly #path: string
  readonly #held = new Set<number>()
  /** Open while something is held. */
  #file: LockFile | undefined

  /** @param path of the file, in a folder that is there. The first lock makes it (0600). */
  constructor(path: string) {
    this.#path = path
  }

  /**
   * The lock, or undefined when someone has it, another process or this one.
   * @param place a safe integer, from 0.
   * @throws HearthError STORE_READ_ONLY, NO_SPACE or STORE_FAILED when the file cannot be opened or locked.
   */
  async tryLock(place: number): Promise<Lock | undefined> {
    // Before the look at what is held: after it, nothing may come in between.
    const native = await import('fs-native-extensions')
    if (this.#held.has(place)) return undefined
    this.#file ??= new LockFile(this.#path, false)
    const { descriptor } = this.#file
    try {
      if (native.tryLock(descriptor, place, 1)) {
        this.#held.add(place)
        noteHolder(descriptor, place)
      }
    } catch (error) {
      this.#release(place, native.unlock)
      throw lockFailure(error, this.#path)
    }
    if (!this.#held.has(place)) return void this.#closeUnused()
    let isOurs = true
    return {
      release: async () => {
        if (isOurs) this.#release(place, native.unlock)
        isOurs = false
      },
    }
  }

  /** Who has a lock, or had it last, as far as is known. */
  holder(place: number): LockHolder {
    const file = openToRead(this.#path)
    if (file === undefined) return {}
    try {
      const note = Buffer.alloc(SLOT_BYTES)
      readSync(file, note, 0, SLOT_BYTES, slotOf(place))
      const [, pid, noted] = /^(\d{1,10}) (\d{1,16}) *\n/.exec(note.toString('latin1')) ?? []
      return Number(noted) === place && Number(pid) > 0 ? { pid: Number(pid) } : {}
    } finally {
      closeSync(file)
    }
  }

  #release(place: number, unlock: (descriptor: number, place: number, length: number) => void): void {
    this.#held.delete(place)
    if (this.#held.size > 0 && HAS_RANGES && this.#file !== undefined) unlock(this.#file.descriptor, place, 1)
    this.#closeUnused()
  }

  #closeUnused(): void {
    if (this.#held.size > 0) return
    this.#file?.close()
    this.#file = undefined
  }
}

function slotOf(place: number): number {
  return (place % SLOTS) * SLOT_BYTES
}

function noteHolder(descriptor: number, place: number): void {
  const note = `${`${process.pid} ${place}`.padEnd(SLOT_BYTES - 1)}\n`
  unlessFull(() => writeSync(descriptor, note, slotOf(place)))
}
