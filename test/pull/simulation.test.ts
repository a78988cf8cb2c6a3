/**
 * Whole warms by the real coordinator over hosts that are simulated, in virtual time. Every figure is the same for the same
 * seed, which stands in the name of the test. Against first come, first served: `npm run bench -- scheduler`.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Digest } from '../../src/oci/digest.js'
import { DEFAULTS } from '../../src/options.js'
import { IMAGES_AT_ONCE } from '../../src/pull/pull.js'
import { idealMs, type Simulated, simulate } from '../support/simulation/simulate.js'
import type { HostOptions } from '../support/simulation/simulated-host.js'

const MB = 1_000_000
const MIB = 1024 * 1024
/** Fast as a whole, slow for each connection, as registries behind a content network are. */
const HOST: HostOptions = { roundTripMs: 50, bytesPerSecond: 100 * MB, perTransfer: 25 * MB }
const SEEDS = [1, 2]

describe('a simulated warm', () => {
  for (const seed of SEEDS) {
    it(`of many images is as fast as the slowest host allows, and starves nothing (seed ${seed})`, async () => {
      const simulated = await simulate({ seed, images: 200, hosts: { 'a.test': HOST } })
      assertComplete(simulated)
      assertWithin(simulated.makespanMs, 1.05 * idealMs(simulated))
      assertNothingStarves(simulated)
    })

    it(`keeps the tail short when a few layers are huge (seed ${seed})`, async () => {
      const hosts = { 'a.test': { ...HOST, perTransfer: 10 * MB } }
      const simulated = await simulate({ seed, images: 100, hosts, maxLayerBytes: 1000 * MB })
      assertComplete(simulated)
      // Slots are taken before all is known, and nobody is sent away for a larger one: Graham's bound is almost 2.
      assertWithin(simulated.makespanMs, 1.5 * idealMs(simulated))
    })

    it(`gets everything through a host that serves five requests a second (seed ${seed})`, async () => {
      const hosts = { 'a.test': { ...HOST, limit: { requests: 5, windowMs: 1000 } } }
      const simulated = await simulate({ seed, images: 40, hosts, maxLayerBytes: 3 * MB })
      assertComplete(simulated)
      // Retry-After is whole seconds: each pause ends in the middle of a window.
      assertWithin(simulated.makespanMs, 1.6 * idealMs(simulated))
    })

    it(`sends single requests to a host that is down, and comes back slowly (seed ${seed})`, async () => {
      const outage = { fromMs: 3000, toMs: 23_000 }
      const simulated = await simulate({ seed, images: 100, hosts: { 'a.test': { ...HOST, outage } } })
      assertComplete(simulated)
      // What was under way begins again, and whoever failed most often waits for its own next attempt.
      assertWithin(simulated.makespanMs, 20_000 + 4000 + 1.5 * idealMs(simulated))
      const arrivals = simulated.hosts.get('a.test')?.arrivals ?? []
      assertWithin(arrivals.filter(({ outcome }) => outcome === 'refused').length, DEFAULTS.jobs + 40)
      const back = arrivals.find(({ atMs }) => atMs >= outage.toMs)?.atMs ?? assert.fail('it never came back')
      const atOnce = arrivals.filter(({ atMs }) => atMs >= back && atMs < back + HOST.roundTripMs / 2)
      assert.equal(atOnce.length, 1)
    })
  }

  it('of thousands of images over hosts with limits, losses and an outage fetches each blob once (seed 4)', async () => {
    const hosts = {
      'a.test': HOST,
      'far.test': { ...HOST, roundTripMs: 200 },
      'limited.test': { ...HOST, limit: { requests: 300, windowMs: 10_000 } },
      'lossy.test': { ...HOST, lossy: 0.03 },
      'restarted.test': { ...HOST, outage: { fromMs: 4000, toMs: 16_000 } },
    }
    const simulated = await simulate({ seed: 4, images: 2000, ownLayers: 1, hosts, maxLayerBytes: 20 * MB })
    assertComplete(simulated)
    // The limited host says when to come back in whole seconds, and some jitter comes on top.
    assertWithin(simulated.makespanMs, 1.25 * idealMs(simulated))
    for (const { most, name } of simulated.hosts.values()) assert.equal(most, DEFAULTS.jobs, name)
    assertWithin(mostImages(simulated), IMAGES_AT_ONCE * simulated.hosts.size)
  })

  it('of one host that pauses does not hold up the images of another one (seed 5)', async () => {
    const limit = { requests: 10, windowMs: 60_000 }
    const hosts = { 'a.test': { ...HOST, limit }, 'b.test': HOST }
    const simulated = await simulate({ seed: 5, images: 150, hosts, maxLayerBytes: 3 * MB })
    const last = simulated.events.findLast(({ event }) => event.type === 'image-done' && /^b/.test(event.image))
    assertWithin(last?.atMs ?? Number.POSITIVE_INFINITY, 60_000)
  })

  it('by a fleet spreads its return to a host that was down (seed 6)', async () => {
    const outage = { fromMs: 500, toMs: 8000 }
    const hosts = { 'a.test': { ...HOST, bytesPerSecond: 1000 * MB, outage } }
    const { hosts: after } = await simulate({ seed: 6, images: 3, clients: 40, hosts, maxLayerBytes: MB })
    const refused = (after.get('a.test')?.arrivals ?? []).filter(({ outcome }) => outcome === 'refused')
    const perSlice = new Map<number, number>()
    // From when the first pauses are over: those under way at the beginning of the outage all fail at its beginning.
    for (const { atMs } of refused.filter(({ atMs }) => atMs > outage.fromMs + 1000)) {
      const slice = Math.floor(atMs / 100)
      perSlice.set(slice, (perSlice.get(slice) ?? 0) + 1)
    }
    const counts = [...perSlice.values()]
    const mean = counts.reduce((sum, count) => sum + count, 0) / 65
    assert.ok(mean > 1, 'the fleet tries again and again')
    assertWithin(Math.max(...counts), 5 * mean)
  })
})

function assertComplete({ catalogue, fetched, report }: Simulated): void {
  assert.deepEqual(
    report.results.filter(({ ok }) => !ok),
    [],
  )
  const blobs = [...catalogue.blobs.values()].flatMap((ofHost) => [...ofHost.keys()])
  assert.deepEqual(new Set(fetched.keys()), new Set(blobs))
  assert.deepEqual(
    [...fetched].filter(([, times]) => times !== 1),
    [],
  )
}

/** Rule 4 of the order: a blob that comes when n of its kind wait goes in with the 4(n + 1)th of them at the latest. */
function assertNothingStarves({ catalogue, events }: Simulated): void {
  const waiting = new Map<Digest, { readonly kind: Kind; readonly last: number }>()
  const kinds = { small: { waiting: 0, begun: 0 }, large: { waiting: 0, begun: 0 } }
  const begun = new Set<Digest>()
  for (const { event } of events) {
    if (event.type === 'image-planned') {
      const leaves = [...(catalogue.leaves.get(event.image) ?? [])]
      const fresh = leaves.filter(([digest]) => !begun.has(digest) && !waiting.has(digest))
      for (const [, size] of fresh) kinds[kindOf(size)].waiting += 1
      for (const [digest, size] of fresh) {
        const kind = kinds[kindOf(size)]
        waiting.set(digest, { kind: kindOf(size), last: kind.begun + 4 * kind.waiting })
      }
    } else if (event.type === 'blob-started') {
      begun.add(event.digest)
      const { kind, last } = waiting.get(event.digest) ?? assert.fail('a blob is planned before it starts')
      waiting.delete(event.digest)
      kinds[kind].waiting -= 1
      kinds[kind].begun += 1
      assertWithin(kinds[kind].begun, last)
    }
  }
  assert.equal(waiting.size, 0)
}

type Kind = 'small' | 'large'

function kindOf(size: number): Kind {
  return size > MIB ? 'large' : 'small'
}

function mostImages({ events }: Simulated): number {
  let [now, most] = [0, 0]
  for (const { event } of events) {
    if (event.type === 'image-started') now += 1
    if (event.type === 'image-done') now -= 1
    most = Math.max(most, now)
  }
  return most
}

function assertWithin(found: number, bound: number): void {
  assert.ok(found <= bound, `${found} is more than ${bound}`)
}
