import type {
  CompactOptions,
  CopyOptions,
  DiffOptions,
  ExportOptions,
  HistoryOptions,
  ImportOptions,
  InspectOptions,
  ListOptions,
  LockOptions,
  PullOptions,
  PushOptions,
  ReclaimOptions,
  RemoveOptions,
  RestoreOptions,
  SignalOptions,
  VerifyOptions,
  WarmOptions,
  WarmPlanOptions,
} from './call-options.js'
import type { PushReport } from './exchange/push-report.js'
import type { ExportReport, ImportedSource, ImportReport } from './exchange/reports.js'
import type { CompactReport, DiffReport, RestoreReport } from './history/reports.js'
import type { Moment } from './history/state-at.js'
import type {
  Inspection,
  ListedReference,
  PinReport,
  ReclaimReport,
  RemoveReport,
  VerifyReport,
} from './inventory/reports.js'
import type { Recorded } from './log/events.js'
import type { PullReport } from './pull/report.js'
import type { LockReport, WarmPlan, WarmReport } from './warm/reports.js'

/**
 * One cache folder. Opening is cheap and creates nothing; each method opens what it needs. Methods may run at the same
 * time, in any number of processes. Every failure is a HearthError.
 */
export interface Cache {
  /** Absolute path of the folder. */
  readonly path: string
  /**
   * Ensures that images are in the cache. Resolves with a result for each reference, also when some failed;
   * rejects only when the cache itself cannot be used, or with ABORTED.
   */
  pull(references: string | readonly string[], options?: PullOptions): Promise<PullReport>
  /**
   * Ensures that all images that arguments and files name are in the cache, as one job. Resolves with a result for each.
   * @throws HearthError REFERENCE_INVALID, INPUT_INVALID or LOCK_MISSING before anything is fetched.
   */
  warm(references: readonly string[], options?: WarmOptions): Promise<WarmReport>
  /** What {@link warm} would fetch. Asks the registries for names and manifests; writes nothing. */
  planWarm(references: readonly string[], options?: WarmPlanOptions): Promise<WarmPlan>
  /** What the names stand for in their registries now, for a lock file. Needs no cache. */
  lock(references: readonly string[], options?: LockOptions): Promise<LockReport>
  /**
   * Puts images of the cache into their registries, or one under another name: what the registry lacks, the name last.
   * Resolves with a result for each. Reads what other tools wrote as it is; every blob is hashed while it is sent.
   * @throws TypeError for a `remoteName` beside several references; HearthError PLATFORM_INVALID, ABORTED.
   */
  push(references: string | readonly string[], options?: PushOptions): Promise<PushReport>
  /**
   * The references in index.json, sorted. Never waits for a pull.
   * @throws HearthError POSITION_UNKNOWN, or CACHE_MISSING where there is no log, with `at`.
   */
  list(options?: ListOptions): Promise<readonly ListedReference[]>
  /** @throws HearthError REFERENCE_UNKNOWN when the cache does not have it. */
  inspect(reference: string, options?: InspectOptions): Promise<Inspection>
  /** Removes references, and the blobs that no other reference needs. Unknown and pinned names are reported as kept. */
  remove(references: readonly string[], options?: RemoveOptions): Promise<RemoveReport>
  /** Removes all references but pinned ones, and every blob and partial download that no running pull relies on. */
  clean(options?: RemoveOptions): Promise<RemoveReport>
  /**
   * Writes images to an archive or a folder, the same bytes for the same images. Every blob is verified on the way. Nothing
   * appears at `output` before all of it is written and durable.
   * @throws HearthError REFERENCE_UNKNOWN, PLATFORM_MISSING, BLOB_UNKNOWN …
   */
  export(references: string | readonly string[], options: ExportOptions): Promise<ExportReport>
  /**
   * Brings images from OCI archives, Docker archives and image layouts into the cache: paths of files, pipes or folders, `-`
   * for standard input. Resolves with a result for each source: one that fails, be it for this cache's sake, brings nothing, and
   * leaves nothing behind. Rejects only with ABORTED.
   */
  import(sources: string | readonly string[], options?: ImportOptions): Promise<ImportReport>
  /**
   * Brings images into another cache on this machine, all or none. Where the file system can, the two share the bytes.
   * @throws HearthError REFERENCE_UNKNOWN, REFERENCE_EXISTS, BLOB_UNKNOWN …
   */
  copy(references: string | readonly string[], options: CopyOptions): Promise<ImportedSource>
  /** Removes what nothing needs any more; with a budget also the references that were used least recently. */
  reclaim(options?: ReclaimOptions): Promise<ReclaimReport>
  /** Keeps references from being evicted, whatever images their names come to stand for, until {@link unpin}. Idempotent. */
  pin(references: readonly string[], options?: SignalOptions): Promise<PinReport>
  /** Idempotent. */
  unpin(references: readonly string[], options?: SignalOptions): Promise<PinReport>
  /** The event log, oldest first. What other tools did since hearth last wrote is not in it yet. */
  history(options?: HistoryOptions): AsyncIterable<Recorded>
  /** Moves old records of the log to archive files under .hearth/archive. They stay part of it: nothing is lost. Idempotent. */
  compactLog(options?: CompactOptions): Promise<CompactReport>
  /** Which names came, went and moved between two moments. @throws HearthError POSITION_UNKNOWN, CACHE_MISSING */
  diff(from: Moment, options?: DiffOptions): Promise<DiffReport>
  /**
   * Sets references to what they stood for at a moment, as far as all of it is still in the cache: nothing is fetched.
   * @throws HearthError POSITION_UNKNOWN, CACHE_MISSING
   */
  restore(references: readonly string[], options: RestoreOptions): Promise<RestoreReport>
  /**
   * Re-hashes every blob; checks the log, index.json and each reference's closure. Changes nothing unless it is told to.
   * @throws HearthError CACHE_MISSING when the folder holds no cache.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>
  /**
   * Ends what is under way, which then rejects with ABORTED, and all threads and connections. From then on only `inspect`
   * answers, and `list` without `at`. Idempotent.
   */
  close(): Promise<void>
}
