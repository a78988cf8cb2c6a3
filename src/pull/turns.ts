import { collect, Jobs } from './abortable.js'
import { openLanes } from './open-lanes.js'
import { type PolitelyDeps, politely, type Turn } from './politely.js'

/** Lanes and retries for work that is no pull: everything that talks to a registry takes its turn here. */
export class Turns {
  readonly #deps: PolitelyDeps

  /** @param width requests under way at once for each host. */
  constructor({ width, retry, hooks = {} }: Pick<PolitelyDeps, 'retry'> & Partial<PolitelyDeps> & { width: number }) {
    this.#deps = { ...openLanes(width, retry, hooks), jobs: new Jobs(), retry, hooks }
  }

  /** @throws HearthError whatever the last attempt failed with; ABORTED. */
  async take<T>(turn: Turn, ask: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const [value] = await collect(politely(ask, turn, this.#deps), signal)
    return value as T
  }

  /** Resolves when nothing runs any more, also nothing of what was stopped; in a second and a half at most. */
  async ended(): Promise<void> {
    await this.#deps.jobs.stopped()
  }
}
