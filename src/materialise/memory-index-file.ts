import type { IndexFile, OpenIndexFile } from './index-file.js'

/** An index.json in memory: for tests, and for running the whole program in memory. */
export class MemoryIndexFile implements IndexFile {
  /** What stands there now; assigning to it is what another tool does. */
  bytes: Uint8Array | undefined
  /** What we last wrote there; assigning to it is damage. */
  base: Uint8Array | undefined
  #last: Promise<unknown> = Promise.resolve()

  async exclusively<T>(work: (file: OpenIndexFile) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => work(this.#open()))
    this.#last = turn.catch((error: unknown) => error)
    return turn
  }

  async read(): Promise<Uint8Array | undefined> {
    return this.bytes
  }

  async lastWritten(): Promise<Uint8Array | undefined> {
    return this.base
  }

  #open(): OpenIndexFile {
    return {
      current: async () => this.bytes,
      base: async () => this.base,
      replace: async (bytes) => {
        this.bytes = bytes
        this.base = bytes
      },
      setAside: async () => {
        this.bytes = undefined
      },
      setBaseAside: async () => {
        this.base = undefined
      },
    }
  }
}
