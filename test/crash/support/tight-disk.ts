import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = 4096

/** A small disk in memory, and somebody else who takes what is free on it. */
export class TightDisk {
  /** Where a cache goes. */
  readonly root: string
  readonly #folder: string
  readonly #ballast: string

  private constructor(folder: string) {
    this.#folder = folder
    this.root = join(folder, 'cache')
    this.#ballast = join(folder, 'ballast')
  }

  /** Undefined where no tmpfs can be mounted. */
  static mount(folder: string, mebibytes: number): TightDisk | undefined {
    mkdirSync(folder)
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder])
    return status === 0 ? new TightDisk(folder) : undefined
  }

  free(): number {
    const { bavail, bsize } = statfsSync(this.#folder)
    return bavail * bsize
  }

  /** A command writes at the same time: it may be faster with some of what is free, and give some of it back. */
  fill(left: number): void {
    for (let more = this.free() - left; more >= PAGE; more = this.free() - left) {
      try {
        appendFileSync(this.#ballast, Buffer.alloc(more))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      }
    }
  }

  makeRoom(): void {
    rmSync(this.#ballast, { force: true })
  }

  unmount(): void {
    spawnSync('umount', [this.#folder])
  }
}
