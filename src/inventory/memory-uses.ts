import type { Uses } from './uses.js'

/** Adapter: for tests, and for running the whole program in memory. */
export class MemoryUses implements Uses {
  readonly #uses = new Map<string, number>()
  readonly #now: () => number

  /** @param now milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  async touch(references: Iterable<string>): Promise<void> {
    for (const reference of references) this.#uses.set(reference, this.#now())
  }

  async lastUses(references: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const uses = new Map<string, number>()
    for (const reference of references) {
      const use = this.#uses.get(reference)
      if (use !== undefined) uses.set(reference, use)
    }
    return uses
  }

  async keepOnly(references: Iterable<string>): Promise<void> {
    const kept = new Set(references)
    for (const reference of [...this.#uses.keys()]) if (!kept.has(reference)) this.#uses.delete(reference)
  }
}
