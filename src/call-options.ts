/** What each method of a cache can be told. Options of the cache itself are in `options.ts`. */
import type { ExportFormat } from './exchange/exported-image.js'
import type { PushProgress } from './exchange/push-report.js'
import type { ExchangeProgress } from './exchange/reports.js'
import type { Moment } from './history/state-at.js'
import type { VerifyProgress } from './inventory/reports.js'
import type { PullPolicy } from './options.js'
import type { OnProgress } from './pull/progress.js'
import type { InputFormat } from './warm/input-format.js'

export interface SignalOptions {
  /** Ends the call with ABORTED; what was downloaded so far is kept for the next time. */
  readonly signal?: AbortSignal
}

export interface PullOptions extends SignalOptions {
  /** `os/arch[/variant][:osversion]`, or `all`. Without it: the platform this process runs on. */
  readonly platforms?: readonly string[]
  /** Default `missing`. */
  readonly pull?: PullPolicy
  /** Also what refers to the images: signatures, attestations, bills of materials. Asks the registry for them each time. */
  readonly referrers?: boolean
  readonly onProgress?: OnProgress
}

/** Files that name images: lists, LinuxKit, Compose and Kubernetes files, skopeo sync YAML, lock files. */
export interface InputOptions extends SignalOptions {
  /** Paths; `-` is standard input. */
  readonly files?: readonly string[]
  /** Of all files. Default: each one's content decides. */
  readonly format?: InputFormat
  /** Leave what Compose files also say how to build. Default: pull it, as Compose does. */
  readonly ignoreBuildable?: boolean
  /** For images about which the files say nothing: as in `pull`. */
  readonly platforms?: readonly string[]
}

export interface WarmPlanOptions extends InputOptions {
  /** Default `missing`. */
  readonly pull?: PullPolicy
  /** Path of a lock file: exactly the digests in it, and every image has to be in it. */
  readonly locked?: string
}

export interface WarmOptions extends WarmPlanOptions {
  /** The first failure ends the others with ABORTED. Default: each image for itself. */
  readonly failFast?: boolean
  /** As in `pull`. */
  readonly referrers?: boolean
  readonly onProgress?: OnProgress
}

export interface LockOptions extends InputOptions {
  /** Path of the lock file to write. Without it, the report is all there is. */
  readonly output?: string
  /** Compare with what `output` holds; without references and files, resolve its names anew. */
  readonly update?: boolean
}

export interface PushOptions extends SignalOptions {
  /** Full name that the image gets, in place of its own; for one reference alone. */
  readonly remoteName?: string
  /** This platform alone, as a plain image. Default `all`: the index with everything that it lists. */
  readonly platform?: string
  /** Also a tag for each platform of an index, `TAG-amd64`, as LinuxKit has them. */
  readonly archTags?: boolean
  /** Also what the cache has that refers to the image. Default true. */
  readonly referrers?: boolean
  /** Give the image a name that stands for another one. Default: refuse. */
  readonly override?: boolean
  readonly onProgress?: (event: PushProgress) => void
}

export interface ListOptions extends SignalOptions {
  /** What the cache had at that position of its log, or at that time. Reads the log. Default: now, from index.json alone. */
  readonly at?: Moment
}

export interface InspectOptions extends SignalOptions {}

export interface RemoveOptions extends SignalOptions {
  /** Remove only what the registry still has under the same digest. */
  readonly publishedOnly?: boolean
  /** Remove pinned references too. */
  readonly force?: boolean
}

export interface ReclaimOptions extends SignalOptions {
  /**
   * Evict references, least recently used first, until the blobs take at most so many bytes. A blob that several share counts
   * once. Pinned references stay, and those of running pulls.
   */
  readonly keepBytes?: number
  /** Evict references that were not used for so long. With `keepBytes`: evict none that was used since. */
  readonly keepNewerMs?: number
  /** Remove nothing, only report. */
  readonly dryRun?: boolean
}

export interface ExportOptions extends SignalOptions {
  /** Path of the file or, for `oci-dir`, of the folder to write; `-` is standard output. */
  readonly output: string
  /** Default `oci`. */
  readonly format?: ExportFormat
  /**
   * `os/arch[/variant]`: that platform's manifest alone. `all`: everything that the index lists. Without it: what is here of
   * the index, which stays as it is; for `docker` and `filesystem`, which hold one platform, that of this machine.
   */
  readonly platform?: string
  /** The name in the archive, in place of the reference; for one image. */
  readonly name?: string
  /** Also what the cache has that refers to the images, in the formats that have a place for it. Default true. */
  readonly referrers?: boolean
  readonly onProgress?: (event: ExchangeProgress) => void
}

export interface ImportOptions extends SignalOptions {
  /** In place of whatever the source calls its image; for one image. */
  readonly name?: string
  /** Put before each name with a slash, and before a name that is only a tag with a colon. */
  readonly prefix?: string
  /** Names that stand for other images here get the imported ones. */
  readonly force?: boolean
  /** Compresses layers of Docker archives that are not compressed; the image's id stays. */
  readonly compress?: boolean
  readonly onProgress?: (event: ExchangeProgress) => void
}

export interface CopyOptions extends SignalOptions {
  /** Path of the other cache's folder; made a cache if it is none. */
  readonly to: string
  /** Names that stand for other images there get these. */
  readonly force?: boolean
  /** Also what this cache has that refers to the images. Default true. */
  readonly referrers?: boolean
  readonly onProgress?: (event: ExchangeProgress) => void
}

export interface HistoryOptions extends SignalOptions {
  /** Only records after this position. Default 0: all. */
  readonly after?: number
  /** Only that record or the first one of that time, and what follows. */
  readonly since?: Moment
  /** At the end, wait for more. The signal then ends it without an error, as does the end of the cache. */
  readonly follow?: boolean
}

export interface CompactOptions extends SignalOptions {
  /** How many records stay in the database. Default 1000: those that are checked whenever the log is opened. */
  readonly keep?: number
}

export interface DiffOptions extends SignalOptions {
  /** Default: the end of the log. */
  readonly to?: Moment
}

export interface RestoreOptions extends SignalOptions {
  readonly at: Moment
}

export interface VerifyOptions extends SignalOptions {
  /** Believes files under blobs/ whose size is the recorded one, without reading them. */
  readonly quick?: boolean
  /**
   * Repairs what can be: damaged blobs are taken away and fetched again from where their images came, and nothing else is fetched;
   * rights are set, index.json is written again. What was wrong is kept under .hearth/quarantine.
   */
  readonly repair?: boolean
  /**
   * Makes a damaged log anew from index.json and the blobs, and keeps the damaged one aside. Its history is lost to hearth, its
   * references are not. A sound log is left alone.
   */
  readonly rebuild?: boolean
  readonly onProgress?: (event: VerifyProgress) => void
}
