import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { HearthError } from '../errors.js'

/** `shared` holders exclude only `exclusive` ones. */
export type LockMode = 'exclusive' | 'shared'

/** Ends when released, or when its process ends, however that happens. */
export interface Lock {
  /** Idempotent. */
  release(): Promise<void>
}

/** Who has the lock, as far as is known: an exclusive holder writes its process id into the file. */
export interface LockHolder {
  readonly pid?: number
}

export interface LockOptions {
  /** Default `exclusive`. */
  readonly mode?: LockMode
  /** Whether an exclusive holder writes its process id into the file. Default true; false for other tools' files. */
  readonly sign?: boolean
  /** For a file that this process may only read: always `shared`, and never created. Default false. */
  readonly readOnly?: boolean
}

export interface AcquireOptions extends LockOptions {
  /** How long to wait at most. 0 tries once. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Called once, when the wait is one that people notice. */
  readonly onWait?: (holder: LockHolder) => void
  /** Makes the error for a lock that was not to be had in time. */
  readonly busy: (holder: LockHolder) => HearthError
}

// A hold of the log takes about 10 ms: the first looks are close together, a long wait does not burn the CPU.
const MIN_DELAY_MS = 1
const MAX_DELAY_MS = 40
/** Locks are held for moments: a second means that the holder is stopped, or that there is a crowd. */
const NOTICED_AFTER_MS = 1000

/**
 * Waits for an OFD lock on a file, which is created (0600) when missing. Unlike a POSIX lock it belongs to the open file,
 * so two holders in one process exclude each other too, and closing another descriptor of the same file does not drop it.
 * Conflicts with fcntl locks of other programs. The wait polls: the kernel's blocking wait has no deadline and would
 * occupy one of libuv's four threads. Lock files may be removed by whoever holds them exclusively.
 * @throws HearthError what `busy` makes when the time is up, ABORTED by the signal, STORE_READ_ONLY, NO_SPACE or STORE_FAILED when
 *   the file cannot be opened or locked.
 */
export async function acquireLock(path: string, options: AcquireOptions): Promise<Lock> {
  const { timeoutMs, signal, busy } = options
  const begin = performance.now()
  const deadline = begin + timeoutMs
  let told = false
  for (let attempt = 0; ; attempt++) {
    if (signal?.aborted) throw aborted(path)
    const lock = await tryLock(path, options)
    if (lock !== undefined) return lock
    const left = deadline - performance.now()
    if (left <= 0) throw busy(readHolder(path))
    if (!told && performance.now() - begin >= NOTICED_AFTER_MS) {
      told = true
      options.onWait?.(readHolder(path))
    }
    const ceiling = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** Math.min(attempt, 10))
    await pause(Math.min(left, MIN_DELAY_MS + Math.random() * ceiling), path, signal)
  }
}

/**
 * The lock, or undefined when someone else has it. Its half a dozen calls are synchronous: each takes some microseconds,
 * and by way of libuv's threads they cost 0.2 ms of a processor instead of 0.03, for every blob that is claimed.
 * @throws HearthError STORE_READ_ONLY or STORE_FAILED when the file cannot be opened or locked.
 */
export async function tryLock(path: string, options: LockOptions = {}): Promise<Lock | undefined> {
  const { sign = true, readOnly = false, mode = readOnly ? 'shared' : 'exclusive' } = options
  // Loaded by the first lock: who only reads a cache needs no native code.
  const { tryLock: tryLockDescriptor } = await import('fs-native-extensions')
  for (;;) {
    const file = new LockFile(path, readOnly)
    try {
      if (!tryLockDescriptor(file.descriptor, { shared: mode === 'shared' })) return void file.close()
      if (isStillThere(path, file.descriptor)) {
        if (mode === 'exclusive' && sign) writeHolder(file.descriptor)
        return { release: async () => file.close() }
      }
      // The holder before us removed the file: our lock is on a name that nobody can open any more.
      file.close()
    } catch (error) {
      file.close()
      throw lockFailure(error, path)
    }
  }
}

/** Who has an exclusive lock, or had it last; nothing is known of a file that is not there or not signed. */
export function readHolder(path: string): LockHolder {
  const file = openToRead(path)
  if (file === undefined) return {}
  try {
    const buffer = Buffer.alloc(32)
    const bytesRead = readSync(file, buffer, 0, buffer.length, 0)
    const pid = Number(/^(\d{1,10})\n/.exec(buffer.toString('latin1', 0, bytesRead))?.[1])
    return pid > 0 ? { pid } : {}
  } finally {
    closeSync(file)
  }
}

/** A lock file's descriptor; undefined when it is not there. @throws HearthError STORE_FAILED. */
export function openToRead(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw lockFailure(error, path)
  }
}

/** An open lock file, created when missing. Closing its only descriptor ends its locks. */
export class LockFile {
  readonly descriptor: number
  #isOpen = true

  constructor(path: string, readOnly: boolean) {
    try {
      // Exclusive locks need a writable descriptor. O_NOFOLLOW: a planted link must not make us write elsewhere.
      const access = readOnly ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT
      this.descriptor = openSync(path, access | constants.O_NOFOLLOW, 0o600)
    } catch (error) {
      throw lockFailure(error, path)
    }
  }

  /** Idempotent: a number that was closed may be another file's by now. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    closeSync(this.descriptor)
  }
}

function isStillThere(path: string, descriptor: number): boolean {
  const ours = fstatSync(descriptor)
  try {
    const there = statSync(path)
    return ours.ino === there.ino && ours.dev === there.dev
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** For people alone, so neither synced nor trusted. First the line, then the cut: a reader sees a whole first line. */
function writeHolder(descriptor: number): void {
  const line = `${process.pid}\n`
  unlessFull(() => {
    writeSync(descriptor, line, 0)
    ftruncateSync(descriptor, line.length)
  })
}

/** On a full disk a lock still works, and removing images needs it: then nobody is told who has it. */
export function unlessFull(note: () => void): void {
  try {
    note()
  } catch (error) {
    if (!isFull(errnoOf(error))) throw error
  }
}

async function pause(ms: number, path: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { ...(signal && { signal }) })
  } catch (error) {
    if (signal?.aborted) throw aborted(path, error)
    throw error
  }
}

function aborted(path: string, cause?: unknown): HearthError {
  return new HearthError('ABORTED', 'stopped while waiting for a lock', { path }, cause)
}

/** The kernel's refusal to open or lock a file, as an error of this package. */
export function lockFailure(error: unknown, path: string): HearthError {
  const errno = errnoOf(error)
  if (errno === 'EROFS' || errno === 'EACCES' || errno === 'EPERM') {
    return new HearthError('STORE_READ_ONLY', `cannot write the lock file ${path}`, { path, errno }, error)
  }
  // Also a disk that has bytes, and no room for one more file.
  const code = isFull(errno) ? 'NO_SPACE' : 'STORE_FAILED'
  return new HearthError(code, `cannot lock ${path}`, { path, ...(errno && { errno }) }, error)
}

function isFull(errno: string | undefined): boolean {
  return errno === 'ENOSPC' || errno === 'EDQUOT'
}

function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
