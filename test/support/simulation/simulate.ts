import { MemoryClaims } from '../../../src/blobs/memory-claims.js'
import { MemoryLeases } from '../../../src/blobs/memory-leases.js'
import type { Digest } from '../../../src/oci/digest.js'
import { DEFAULTS } from '../../../src/options.js'
import type { ProgressEvent } from '../../../src/pull/progress.js'
import { type PullDeps, pull } from '../../../src/pull/pull.js'
import { Recorder } from '../../../src/pull/recorder.js'
import type { PullReport } from '../../../src/pull/report.js'
import { aCatalogue, type Catalogue } from './catalogue.js'
import { seededRandom } from './seeded-random.js'
import { type HostOptions, SimulatedHost } from './simulated-host.js'
import { SimulatedBlobs, SimulatedLog, SimulatedPool, SimulatedRegistry } from './simulated-parts.js'
import { VirtualClock } from './virtual-clock.js'

export interface Scenario {
  readonly seed: number
  readonly images: number
  readonly hosts: Readonly<Record<string, HostOptions>>
  readonly maxLayerBytes?: number
  readonly ownLayers?: number
  /** Pulls of the same images into caches of their own, all at the same time. Default 1; figures are those of the first. */
  readonly clients?: number
  readonly hooks?: PullDeps['hooks']
}

export interface Happened {
  readonly atMs: number
  readonly event: ProgressEvent
}

export interface Simulated {
  readonly report: PullReport
  readonly catalogue: Catalogue
  readonly hosts: ReadonlyMap<string, SimulatedHost>
  readonly makespanMs: number
  readonly events: readonly Happened[]
  readonly fetched: ReadonlyMap<Digest, number>
}

const MIB = 1024 * 1024

/** Whole pulls by the real coordinator, in virtual time: the same for the same scenario. */
export async function simulate(scenario: Scenario): Promise<Simulated> {
  const { seed, images, clients = 1, maxLayerBytes = 256 * MIB, ownLayers = 4 } = scenario
  const clock = new VirtualClock()
  const random = seededRandom(seed)
  const hosts = new Map(
    Object.entries(scenario.hosts).map(([name, options]) => [
      name,
      new SimulatedHost(name, options, { clock, random }),
    ]),
  )
  const catalogue = aCatalogue({ seed, images, hosts: [...hosts.keys()], maxLayerBytes, ownLayers })
  const world = { catalogue, clock, hosts, random }
  const [first, ...others] = Array.from({ length: clients }, () => pullIn(world, scenario))
  const [simulated] = await clock.run(Promise.all([first as Promise<Simulated>, ...others]))
  return simulated
}

interface World extends Pick<Simulated, 'catalogue' | 'hosts'> {
  readonly clock: VirtualClock
  readonly random: () => number
}

async function pullIn({ catalogue, clock, hosts, random }: World, { hooks }: Scenario): Promise<Simulated> {
  const blobs = new SimulatedBlobs()
  const pool = new SimulatedPool(hosts, blobs)
  const parts = { log: new SimulatedLog(), blobs, boot: 'boot', durability: 'full' } as const
  const now = () => clock.now()
  const deps: PullDeps = {
    ...parts,
    registry: new SimulatedRegistry(catalogue, hosts),
    pool,
    claims: new MemoryClaims(),
    leases: new MemoryLeases(),
    recorder: new Recorder({ ...parts, materialise: async () => undefined, now }),
    options: DEFAULTS,
    hooks: { random, scheduler: clock, ...hooks },
  }
  const events: Happened[] = []
  const request = {
    references: catalogue.references,
    wanted: [{ os: 'linux', architecture: 'amd64' }],
    strict: false,
    policy: 'missing',
    onProgress: (event: ProgressEvent) => void events.push({ atMs: now(), event }),
  } as const
  const report = await pull(request, deps)
  return { report, catalogue, hosts, makespanMs: now(), events, fetched: pool.fetched }
}

/** No order could be faster: the line, the longest transfer, the round trips, the limit on requests; of the slowest host. */
export function idealMs({ catalogue, hosts }: Pick<Simulated, 'catalogue' | 'hosts'>): number {
  const each = [...hosts].map(([name, { options }]) => {
    const { roundTripMs, bytesPerSecond, perTransfer = bytesPerSecond, limit } = options
    const sizes = [...(catalogue.blobs.get(name)?.values() ?? [])]
    const images = catalogue.references.filter((reference) => reference.startsWith(`${name}/`)).length
    const requests = sizes.length + 2 * images
    const line = sizes.reduce((sum, size) => sum + size, 0) / bytesPerSecond
    const longest = Math.max(0, ...sizes) / perTransfer
    const trips = (requests * roundTripMs) / DEFAULTS.jobs
    const windows = limit === undefined ? 0 : Math.floor((requests - 1) / limit.requests) * limit.windowMs
    return Math.max(line * 1000, longest * 1000 + 3 * roundTripMs, trips, windows)
  })
  return Math.max(...each)
}
