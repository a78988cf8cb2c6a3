import type { Digest } from '../oci/digest.js'
import { Jobs } from './abortable.js'
import type { FetchDeps, FetchedBlob } from './fetch.js'
import type { HoldingsDeps } from './holdings.js'
import { presentBlobs } from './holdings.js'
import type { Lanes } from './lanes.js'
import { openLanes } from './open-lanes.js'
import type { PullDeps, PullRequest } from './pull.js'
import { Requests } from './requests.js'
import { SingleFlight } from './single-flight.js'
import { SpaceBudget } from './space-budget.js'

/** What all images of one job share: lanes, running downloads, requests. */
export interface Run {
  readonly request: PullRequest
  readonly deps: PullDeps
  readonly jobs: Jobs
  readonly lanes: Lanes
  readonly requests: Requests
  readonly holdings: HoldingsDeps
  readonly fetching: FetchDeps
  readonly space?: SpaceBudget
}

/** The same for one of them: its signal ends when the run does, or when its own failure is settled. */
export type ImageRun = Run & {
  readonly signal: AbortSignal
  /** The root that the reference gets, whatever its tag names in the registry. */
  readonly pinned?: Digest
  /** To be called when it is known what the image consists of: no more requests are to be expected for it. */
  readonly planned: () => void
}

export function openRun(request: PullRequest, deps: PullDeps): Run {
  const { options, hooks = {}, registry } = deps
  const { onProgress } = request
  const { lanes, pauses } = openLanes(options.jobs, options.retry, {
    ...hooks,
    onPause: (host, { ms, reason }) => onProgress({ type: 'host-paused', host, delayMs: Math.ceil(ms), reason }),
  })
  const jobs = new Jobs()
  const common = { registry, lanes, pauses, jobs, retry: options.retry, hooks, onProgress }
  const holdings: HoldingsDeps = { ...deps, jobs, verifying: new SingleFlight() }
  const fetching: FetchDeps = {
    ...deps,
    ...common,
    inFlight: new SingleFlight<FetchedBlob>(),
    isPresent: async (descriptor, signal) =>
      (await presentBlobs([descriptor], holdings, signal)).has(descriptor.digest),
    durability: options.durability,
  }
  const space = deps.disk && new SpaceBudget(deps.disk)
  const requests = new Requests(common)
  return { request, deps, jobs, lanes, requests, holdings, fetching, ...(space && { space }) }
}
