import { type ErrorDetails, HearthError } from './errors.js'
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
  /** Blobs and requests under way at once for each registry, over all images. */
  readonly jobs?: number
  readonly durability?: Durability
  /** Writes to a cache on a network file system all the same: for one that no other machine uses. Default false. */
  readonly allowNetworkFs?: boolean
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
  /** How long to wait for another process that has the log or index.json, or is stopped in the middle of a download. */
  readonly lockTimeoutMs?: number
  /** Called when a call waits for another process so long that people notice. Downloads of others are told as progress. */
  readonly onWait?: (wait: LockWait) => void
  /** Environment to read instead of the process's own. */
  readonly env?: Environment
}

/** What is waited for, and whom, if that is known. */
export interface LockWait {
  readonly for: 'log' | 'index.json'
  readonly pid?: number
}

/** The same with nothing left open. `path` may still be relative to the current folder. */
export interface ResolvedOptions {
  readonly path: string
  readonly jobs: number
  readonly durability: Durability
  readonly allowNetworkFs: boolean
  readonly retry: RetryPolicy
  readonly authFile: string | undefined
  readonly caFiles: readonly string[]
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly insecureHosts: readonly string[]
  readonly plainHttpHosts: readonly string[]
  readonly mirrors: readonly string[]
  readonly connectTimeoutMs: number
  readonly headersTimeoutMs: number
  readonly bodyTimeoutMs: number
  readonly progressWindowMs: number
  readonly minBytesPerSecond: number
  readonly lockTimeoutMs: number
  readonly onWait: (wait: LockWait) => void
  readonly checkpointEveryBytes: number
  readonly env: Environment
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Every default in one place; the command line's help reads the same values. */
export const DEFAULTS = Object.freeze({
  jobs: 8,
  durability: 'full' as Durability,
  // Their locks may hold on one machine alone, and some forget a rename.
  allowNetworkFs: false,
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

const DURABILITIES: readonly Durability[] = ['full', 'relaxed']
/** Node's timers take no more: a longer one would fire at once. */
const MOST = 2 ** 31 - 1

/** What options are resolved against: passed in, because this file reads nothing from outside. */
export interface Surroundings {
  readonly env: Environment
  /** The user's home folder. */
  readonly home: string
}

/**
 * Fills in what the caller left open.
 * @throws HearthError OPTION_INVALID for an empty path, a number that makes no sense, a durability that does not exist, or a
 *   certificate without its key.
 */
export function resolveOptions(options: CacheOptions, surroundings: Surroundings): ResolvedOptions {
  const env = options.env ?? surroundings.env
  const { certFile, keyFile, durability = DEFAULTS.durability, path = cachePath(env, surroundings.home) } = options
  // An empty variable in a script: as a path it would be the current folder.
  demand(path !== '', 'path', 'the path of the cache is empty')
  demand(DURABILITIES.includes(durability), 'durability', `durability is ${DURABILITIES.join(' or ')}`)
  const both = (certFile === undefined) === (keyFile === undefined)
  demand(both, 'certFile', 'a client certificate and its key are given together')
  const number = (name: NumberOption, least: number): number =>
    checkNumber(name, options[name] ?? DEFAULTS[name], least)
  return {
    path,
    jobs: number('jobs', 1),
    durability,
    allowNetworkFs: options.allowNetworkFs ?? DEFAULTS.allowNetworkFs,
    retry: resolveRetry(options.retry ?? {}),
    authFile: options.authFile,
    caFiles: options.caFiles ?? [],
    certFile,
    keyFile,
    insecureHosts: options.insecureHosts ?? [],
    plainHttpHosts: options.plainHttpHosts ?? [],
    mirrors: options.mirrors ?? [],
    connectTimeoutMs: number('connectTimeoutMs', 1),
    headersTimeoutMs: number('headersTimeoutMs', 1),
    bodyTimeoutMs: number('bodyTimeoutMs', 1),
    progressWindowMs: number('progressWindowMs', 1),
    minBytesPerSecond: number('minBytesPerSecond', 0),
    lockTimeoutMs: number('lockTimeoutMs', 0),
    onWait: options.onWait ?? (() => {}),
    checkpointEveryBytes: DEFAULTS.checkpointEveryBytes,
    env,
  }
}

type NumberOption =
  | 'jobs'
  | 'connectTimeoutMs'
  | 'headersTimeoutMs'
  | 'bodyTimeoutMs'
  | 'progressWindowMs'
  | 'minBytesPerSecond'
  | 'lockTimeoutMs'

/** LinuxKit's own place is the default, so that it finds what hearth warmed. An empty variable counts as unset. */
function cachePath(env: Environment, home: string): string {
  return env.HEARTH_CACHE || env.LINUXKIT_CACHE || `${home}/.linuxkit/cache`
}

function resolveRetry(given: Partial<RetryPolicy>): RetryPolicy {
  const merged = { ...DEFAULTS.retry, ...given }
  for (const [name, value] of Object.entries(merged)) checkNumber(`retry.${name}`, value, 0)
  return merged
}

function checkNumber(name: string, value: number, least: number): number {
  const fits = Number.isSafeInteger(value) && value >= least && value <= MOST
  demand(fits, name, `${name} must be a whole number from ${least} to ${MOST}`, { found: String(value) })
  return value
}

function demand(fits: boolean, option: string, otherwise: string, details: ErrorDetails = {}): void {
  if (!fits) throw new HearthError('OPTION_INVALID', otherwise, { option, ...details })
}
