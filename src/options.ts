import type { Durability } from './pool/tasks.js'

/** When a pull asks the registry: `missing` only for names the cache lacks, `newer` with one HEAD per name, … */
export type PullPolicy = 'missing' | 'newer' | 'always' | 'never'
export const PULL_POLICIES: readonly PullPolicy[] = ['missing', 'newer', 'always', 'never']

/** Retries of one blob or one request, without progress in between. */
export interface RetryPolicy {
  readonly retries: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** A longer Retry-After is not waited for: the failure names the time instead. */
  readonly maxRetryAfterMs: number
}

/** What `openCache` takes. Everything is optional; the reasons stand beside {@link DEFAULTS}. */
export interface CacheOptions {
  /** Folder of the cache. Without it: HEARTH_CACHE, then LINUXKIT_CACHE, then ~/.linuxkit/cache. */
  readonly path?: string
  /** Blobs and requests under way at once, over all images. */
  readonly jobs?: number
  readonly durability?: Durability
  readonly retry?: Partial<RetryPolicy>
  /** Credentials in Docker's or containers' format; replaces the usual places. */
  readonly authFile?: string
  /** PEM files: extra certificate authorities, client certificate and its key. */
  readonly caFiles?: readonly string[]
  readonly certFile?: string
  readonly keyFile?: string
  /** Hosts (`*` for all) whose TLS certificate is not checked. */
  readonly insecureHosts?: readonly string[]
  /** Hosts (`*` for all) spoken to over plain HTTP. */
  readonly plainHttpHosts?: readonly string[]
  /** `[registry=]url`, tried in this order before the registry itself; without `registry` for docker.io. */
  readonly mirrors?: readonly string[]
  readonly connectTimeoutMs?: number
  readonly headersTimeoutMs?: number
  readonly bodyTimeoutMs?: number
  readonly progressWindowMs?: number
  readonly minBytesPerSecond?: number
  readonly lockTimeoutMs?: number
  /** Environment to read instead of the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface ResolvedOptions extends Required<Omit<CacheOptions, 'retry' | 'authFile' | 'certFile' | 'keyFile'>> {
  readonly retry: RetryPolicy
  readonly authFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly checkpointEveryBytes: number
}

/** Every default in one place; the command line's help reads the same values. */
export const DEFAULTS = Object.freeze({
  jobs: 8,
  durability: 'full' as Durability,
  // RELIABILITY section 6: enough to outlive a registry's restart, spread so that a fleet does not return in step.
  retry: Object.freeze({ retries: 7, minDelayMs: 250, maxDelayMs: 30_000, maxRetryAfterMs: 120_000 }),
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 30_000,
  bodyTimeoutMs: 30_000,
  // Slower than 1 KiB/s over a minute is a stuck peer, not a slow line.
  progressWindowMs: 60_000,
  minBytesPerSecond: 1024,
  // A hold lasts at most 200 ms; a minute of waiting means that the holder is stopped or stuck.
  lockTimeoutMs: 60_000,
  // What a kill may cost: RELIABILITY I11 allows one chunk of 8 MiB.
  checkpointEveryBytes: 8 * 1024 * 1024,
})
