/**
 * Question: in which order should those that wait for a host's slots get them, and how many images should be under way?
 * Makespans of simulated warms in virtual time (test/support/simulation), as multiples of what no order could beat: the
 * same on every machine.
 */
import { FirstCome } from '../../test/support/simulation/first-come.js'
import { idealMs, type Scenario, simulate } from '../../test/support/simulation/simulate.js'
import type { HostOptions } from '../../test/support/simulation/simulated-host.js'
import { benchArguments } from '../support/arguments.js'
import { median } from '../support/measure.js'
import { reportFigures } from '../support/report.js'

const MB = 1_000_000
const { rounds } = benchArguments({ rounds: 5, quickRounds: 1 })
const HOST: HostOptions = { roundTripMs: 50, bytesPerSecond: 100 * MB, perTransfer: 25 * MB }
const SLOW: HostOptions = { ...HOST, perTransfer: 10 * MB }

const SCENARIOS: Readonly<Record<string, Omit<Scenario, 'seed'>>> = {
  '40 images': { images: 40, hosts: { 'a.test': HOST } },
  '400 images': { images: 400, hosts: { 'a.test': HOST } },
  '400 images, layers up to 2 GB': { images: 400, hosts: { 'a.test': HOST }, maxLayerBytes: 2000 * MB },
  '400 images, layers up to 2 GB, slow connections': {
    images: 400,
    hosts: { 'a.test': SLOW },
    maxLayerBytes: 2000 * MB,
  },
  '400 images, small layers, far away': {
    images: 400,
    hosts: { 'a.test': { ...HOST, roundTripMs: 300 } },
    maxLayerBytes: 3 * MB,
  },
}
const ORDERS: Readonly<Record<string, NonNullable<Scenario['hooks']>>> = {
  'first come': { newOrder: <T>() => new FirstCome<T>() },
  'largest first': {},
}

const figures: { scenario: string; order: string; n: number; median: number; worst: number }[] = []
for (const [scenario, options] of Object.entries(SCENARIOS)) {
  for (const [order, hooks] of Object.entries(ORDERS)) {
    const ratios: number[] = []
    for (let seed = 1; seed <= rounds; seed++) {
      const simulated = await simulate({ ...options, seed, hooks })
      ratios.push(simulated.makespanMs / idealMs(simulated))
    }
    const [middle = 0, worst = 0] = [median(ratios), Math.max(...ratios)].map((ratio) => Number(ratio.toFixed(3)))
    figures.push({ scenario, order, n: ratios.length, median: middle, worst })
  }
}
reportFigures('pull/scheduler', 'Makespan, as a multiple of what no order could beat', figures)
