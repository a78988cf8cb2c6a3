/** The public interface of hearth: everything that is not exported here may change without notice. */
export type { Cache } from './api.js'
export { openCache } from './cache.js'
export type {
  CompactOptions,
  CopyOptions,
  DiffOptions,
  ExportOptions,
  HistoryOptions,
  ImportOptions,
  InputOptions,
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
export { ERRORS, type ErrorCode, type ErrorDetails, type Failure, HearthError, isHearthError } from './errors.js'
export { EXPORT_FORMATS, type ExportFormat } from './exchange/exported-image.js'
export type { NotPushed, PushedImage, PushProgress, PushReport, PushResult } from './exchange/push-report.js'
export type {
  ExchangeProgress,
  ExportReport,
  FailedSource,
  ImportedImage,
  ImportedSource,
  ImportReport,
} from './exchange/reports.js'
export type { CompactReport, DiffReport, DiffSide, NamedDigest, RestoreReport } from './history/reports.js'
export type { Moment } from './history/state-at.js'
export type {
  EvictedReference,
  InspectedNode,
  InspectedReferrer,
  Inspection,
  ListedReference,
  PinReport,
  ReclaimReport,
  RemoveReport,
  VerifyProblem,
  VerifyProgress,
  VerifyReport,
} from './inventory/reports.js'
export type { HearthEvent, Recorded } from './log/events.js'
export type { Descriptor } from './oci/descriptor.js'
export type { Digest } from './oci/digest.js'
export { formatPlatform, type Platform, parsePlatform } from './oci/platform.js'
export { formatReference, parseReference, type Reference } from './oci/reference.js'
export {
  type CacheOptions,
  DEFAULTS,
  type LockWait,
  PULL_POLICIES,
  type PullPolicy,
  type RetryPolicy,
} from './options.js'
export type { OnProgress, ProgressEvent } from './pull/progress.js'
export type { FailedImage, PulledImage, PullReport, PullResult } from './pull/report.js'
export { INPUT_FORMATS, type InputFormat } from './warm/input-format.js'
export type { Lock, LockedImage, LockedPlatform } from './warm/lock-file.js'
export type {
  LockChange,
  LockReport,
  PlannedImage,
  PlanTotals,
  WarmPlan,
  WarmReport,
  WarmTotals,
} from './warm/reports.js'
