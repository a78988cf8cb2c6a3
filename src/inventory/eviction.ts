import type { ReferenceRecord } from '../log/event-log.js'
import type { Digest } from '../oci/digest.js'
import { subjectOf } from '../oci/referrer.js'
import type { Closure } from './closure.js'

/** What a cache may hold. Without either nothing is evicted. */
export interface Budget {
  /** Blobs may take so much, each counted once. Least recently used references go first, and no more than needed. */
  readonly keepBytes?: number
  /** References that were used at this time or later stay; without `keepBytes` all others go. Milliseconds since 1970. */
  readonly usedSince?: number
}

export interface EvictionInput {
  readonly references: ReadonlyMap<string, Pick<ReferenceRecord, 'descriptor' | 'at'>>
  readonly closures: ReadonlyMap<string, Closure>
  /** Every blob that is there. */
  readonly sizes: ReadonlyMap<Digest, { readonly size: number }>
  readonly pins: ReadonlyMap<string, unknown>
  /** What running pulls count on. */
  readonly leased: ReadonlySet<Digest>
  /** Noted uses by name, milliseconds since 1970. That a reference was set is a use as well. */
  readonly uses: ReadonlyMap<string, number>
  /** Milliseconds since 1970. */
  readonly now: number
}

export interface Evictions {
  /** Least recently used first. */
  readonly names: readonly string[]
  /** What the blobs take that stay. */
  readonly bytes: number
}

/**
 * Pure: which references a budget takes away. Never a pinned one, nor one that a running pull works on. As in other caches,
 * `usedSince` protects and `keepBytes` stops: together they evict what was not used since, until the rest fits.
 */
export function planEvictions(input: EvictionInput, { keepBytes, usedSince }: Budget): Evictions {
  const kept = new KeptBlobs(input)
  if (keepBytes === undefined && usedSince === undefined) return { names: [], bytes: kept.bytes }
  const evicted: string[] = []
  for (const name of candidates(input, usedSince ?? Number.POSITIVE_INFINITY)) {
    if (keepBytes !== undefined && kept.bytes <= keepBytes) break
    kept.take(name)
    evicted.push(name)
  }
  if (keepBytes === undefined) return { names: evicted, bytes: kept.bytes }
  // A name whose blobs all stay for others frees nothing: losing it would be for nothing. The most recently used first.
  const useless = new Set(evicted.toReversed().filter((name) => kept.putBackIfFree(name)))
  return { names: evicted.filter((name) => !useless.has(name)), bytes: kept.bytes }
}

/**
 * When a reference was used last: pulled, inspected or exported, or set. Milliseconds since 1970. What a clock noted that was ahead
 * may have been at any time: it counts as now.
 */
export function lastUseOf(
  name: string,
  record: Pick<ReferenceRecord, 'at'>,
  { uses, now }: Pick<EvictionInput, 'uses' | 'now'>,
): number {
  return Math.min(notedUseOf(name, record, { uses, now }), now)
}

/** Names whose last use lies in the future: unless it is noted anew, it counts as now until that time has come. */
export function usedAhead({ references, ...times }: Pick<EvictionInput, 'references' | 'uses' | 'now'>): string[] {
  return [...references].flatMap(([name, record]) => (notedUseOf(name, record, times) > times.now ? [name] : []))
}

/** The log keeps the time at which a reference was set, even a wrong one; a noted use can be put right, and is believed then. */
function notedUseOf(
  name: string,
  { at }: Pick<ReferenceRecord, 'at'>,
  { uses, now }: Pick<EvictionInput, 'uses' | 'now'>,
): number {
  const [set, used] = [Date.parse(at) || 0, uses.get(name)]
  return used !== undefined && set > now ? used : Math.max(used ?? 0, set)
}

/** In the order in which they go. */
function candidates({ references, pins, leased, ...times }: EvictionInput, before: number): string[] {
  return (
    [...references]
      // What refers to an image goes with it, and not before.
      .filter(([, { descriptor }]) => subjectOf(descriptor) === undefined)
      .filter(([name, { descriptor }]) => !pins.has(name) && !leased.has(descriptor.digest))
      .map(([name, reference]) => ({ name, used: lastUseOf(name, reference, times) }))
      .filter(({ used }) => used < before)
      .sort((a, b) => a.used - b.used || (a.name < b.name ? -1 : 1))
      .map(({ name }) => name)
  )
}

/** How many of the remaining references need each blob, and what all of these blobs take. */
class KeptBlobs {
  readonly #input: EvictionInput
  readonly #needs = new Map<Digest, number>()
  #bytes = 0

  constructor(input: EvictionInput) {
    this.#input = input
    for (const digest of input.leased) this.#add(digest)
    for (const name of input.references.keys()) this.#put(name)
  }

  get bytes(): number {
    return this.#bytes
  }

  take(name: string): void {
    for (const digest of this.#closureOf(name)) {
      const needs = (this.#needs.get(digest) ?? 0) - 1
      this.#needs.set(digest, needs)
      if (needs === 0) this.#bytes -= this.#input.sizes.get(digest)?.size ?? 0
    }
  }

  /** Whether that cost nothing, and was done. */
  putBackIfFree(name: string): boolean {
    const digests = [...this.#closureOf(name)]
    const free = digests.every((digest) => (this.#needs.get(digest) ?? 0) > 0 || !this.#input.sizes.has(digest))
    if (free) this.#put(name)
    return free
  }

  #put(name: string): void {
    for (const digest of this.#closureOf(name)) this.#add(digest)
  }

  #add(digest: Digest): void {
    const needs = this.#needs.get(digest) ?? 0
    this.#needs.set(digest, needs + 1)
    if (needs === 0) this.#bytes += this.#input.sizes.get(digest)?.size ?? 0
  }

  #closureOf(name: string): ReadonlySet<Digest> {
    return this.#input.closures.get(name)?.digests ?? NONE
  }
}

const NONE: ReadonlySet<Digest> = new Set()
