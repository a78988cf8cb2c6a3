/**
 * The part of the composition root that warms: each module is loaded when a method first needs it.
 */
import type { LockOptions, WarmOptions, WarmPlanOptions } from '../call-options.js'
import { Lazy } from '../lazy.js'
import type { PullTarget } from '../pull/pull.js'
import type { Requests } from '../pull/requests.js'
import { type GatherDeps, gatherRequest } from '../warm/gather.js'
import type { LockReport, WarmPlan, WarmReport } from '../warm/reports.js'
import type { CacheParts } from './cache-parts.js'

/** Warm, plan and lock over one cache. Owns nothing that would have to be closed. */
export class Warming {
  readonly #parts: CacheParts
  readonly #requests = new Lazy<Requests>(() => this.#openRequests())

  constructor(parts: CacheParts) {
    this.#parts = parts
  }

  async warm(references: readonly string[], options: WarmOptions): Promise<WarmReport> {
    const { warm } = await import('../warm/warm.js')
    const { pullInto } = await import('./pulling.js')
    const pull = (targets: readonly PullTarget[]) => pullInto(this.#parts, targets, options)
    const deps = { ...(await this.#gathering()), pull, now: () => performance.now() }
    return await warm(gatherRequest(references, options), deps)
  }

  async plan(references: readonly string[], options: WarmPlanOptions): Promise<WarmPlan> {
    const { planWarm } = await import('../warm/plan-warm.js')
    const { readKnown } = await import('../warm/known.js')
    const { blobs, index } = this.#parts
    const [requests, known] = [await this.#requests.get(), await readKnown(index)]
    const request = { ...gatherRequest(references, options), policy: options.pull ?? 'missing' }
    return await planWarm(request, { ...(await this.#gathering()), requests, blobs, known })
  }

  async lock(references: readonly string[], options: LockOptions): Promise<LockReport> {
    const { lock } = await import('../warm/lock.js')
    const { readInputIfThere, writeOutput } = await import('../warm/fs-input.js')
    const files = { readIfThere: readInputIfThere, writeFile: writeOutput }
    const request = { ...gatherRequest(references, options), update: options.update ?? false }
    return await lock(request, { ...(await this.#gathering()), ...files, requests: await this.#requests.get() })
  }

  async #gathering(): Promise<GatherDeps> {
    const { readInput } = await import('../warm/fs-input.js')
    const { host, options } = this.#parts
    const tags: GatherDeps['tags'] = async (repository, signal) => (await this.#requests.get()).tags(repository, signal)
    return { readFile: readInput, tags, env: options.env, host }
  }

  /** Small requests outside of a pull: lanes of their own, and nobody who watches. */
  async #openRequests(): Promise<Requests> {
    const { Requests } = await import('../pull/requests.js')
    const { openLanes } = await import('../pull/open-lanes.js')
    const { Jobs } = await import('../pull/abortable.js')
    const { jobs: width, retry } = this.#parts.options
    const lanes = openLanes(width, retry)
    const jobs = new Jobs()
    const registry = await this.#parts.registry()
    return new Requests({ registry, ...lanes, jobs, retry, hooks: {}, onProgress: () => {} })
  }
}
