import type { VerifyOptions } from '../call-options.js'
import { type Failure, HearthError } from '../errors.js'
import type { RebuildDeps } from '../inventory/rebuild.js'
import type { RepairDeps } from '../inventory/repair.js'
import type { BlobRepairDeps } from '../inventory/repair-blobs.js'
import type { VerifyReport } from '../inventory/reports.js'
import type { Survey } from '../inventory/survey.js'
import type { Mending, VerifyDeps } from '../inventory/verify.js'
import type { EventLog } from '../log/event-log.js'
import type { CacheParts } from './cache-parts.js'
import { withPull } from './pulling.js'

/** @throws HearthError CACHE_MISSING; OPTION_INVALID for a rebuild that is to be quick. */
export async function verifyAll(parts: CacheParts, options: VerifyOptions): Promise<VerifyReport> {
  const { verifyCache } = await import('../inventory/verify.js')
  const { path } = parts
  if (options.rebuild && options.quick) {
    throw new HearthError('OPTION_INVALID', 'a log is rebuilt from blobs that were hashed: not with quick')
  }
  const isClosed = await parts.isClosedToUs()
  const isOurs = !isClosed && (await parts.wasInitialised())
  if (!isOurs && (await parts.index.read()) === undefined) {
    throw new HearthError('CACHE_MISSING', `there is no cache in ${path}`, { path })
  }
  const log = isOurs ? await parts.logAsItIs() : undefined
  try {
    const deps = await surveyDeps(parts, log)
    const mending: Mending = {
      ...(options.rebuild && log && { rebuild: await rebuilding(parts, deps) }),
      ...(options.repair && { repair: (survey) => repairing(parts, { deps, survey, options }) }),
    }
    const report = await verifyCache(deps, options, mending)
    return isClosed ? { ...report, unchecked: closedLog(path) } : report
  } finally {
    await log?.close()
  }
}

function closedLog(path: string): Failure {
  const message = 'the log was not checked: it is its owner’s alone'
  return { code: 'STORE_FAILED', message, details: { path } }
}

async function surveyDeps(parts: CacheParts, log: VerifyDeps['log']): Promise<VerifyDeps> {
  const { FsPermissions } = await import('../blobs/fs-permissions.js')
  const { FsLayoutMarker } = await import('../materialise/fs-layout-marker.js')
  const { readFormat } = await import('../materialise/fs-init.js')
  const { path, blobs, index: indexFile, host } = parts
  const [permissions, marker] = [new FsPermissions(path), new FsLayoutMarker(path)]
  const pool = await parts.pool()
  const ours = log && { log, readFormat: () => readFormat(path) }
  return { blobs, indexFile, permissions, marker, pool, jobs: host.parallelism, ...ours }
}

async function rebuilding(parts: CacheParts, deps: VerifyDeps): Promise<NonNullable<Mending['rebuild']>> {
  const { LevelEventLog } = await import('../log/level-event-log.js')
  const openNewLog = async (): Promise<EventLog> => {
    const log = await openMended(parts)
    // Also where a handle of this process was open all the while.
    await log.hold(parts.materialise)
    return log
  }
  const replaceLog: RebuildDeps['replaceLog'] = (make) =>
    LevelEventLog.replace(parts.path, { lockTimeoutMs: parts.options.lockTimeoutMs }, make)
  return { ...deps, boot: await parts.boot(), replaceLog, openNewLog }
}

/** For writing, also where format.json was damaged: its log was read as a whole, or is new. */
async function openMended(parts: CacheParts): Promise<EventLog> {
  const { setDamagedFormatAside } = await import('../materialise/fs-init.js')
  if (await parts.wasInitialised()) await setDamagedFormatAside(parts.path, parts.options)
  return await parts.log()
}

interface Repairing {
  readonly deps: VerifyDeps
  readonly survey: Survey
  readonly options: VerifyOptions
}

async function repairing(parts: CacheParts, { deps, survey, options }: Repairing): Promise<RepairDeps> {
  const { FsClaims } = await import('../blobs/fs-claim.js')
  const { putStrayAside } = await import('../blobs/fs-stray-quarantine.js')
  const { path, index, materialise } = parts
  if ((survey.index.failure ?? survey.index.baseFailure) !== undefined && deps.log) await setBrokenIndexAside(index)
  return {
    ...deps,
    log: await openMended(parts),
    claims: new FsClaims(path, parts.options),
    materialise,
    putAside: (stray) => putStrayAside(path, stray, Date.now()),
    refetch: (missing) => refetchInto(parts, missing, options),
  }
}

/** What is broken now: blobs may have been hashed for hours since it was read, and another tool may have put it right. */
async function setBrokenIndexAside(index: CacheParts['index']): Promise<void> {
  const { readIndex } = await import('../inventory/verify-index.js')
  await index.exclusively(async (file) => {
    const { failure, baseFailure } = await readIndex(index)
    // Nobody can take edits over from what cannot be parsed: without the file, it is written again from the log.
    if (failure !== undefined) await file.setAside()
    // A base that is no file; one that is damaged may still say for which record it accounts.
    if (baseFailure !== undefined) await file.setBaseAside()
  })
}

async function refetchInto(
  parts: CacheParts,
  missing: Parameters<BlobRepairDeps['refetch']>[0],
  { onProgress, signal }: VerifyOptions,
): ReturnType<BlobRepairDeps['refetch']> {
  const { refetch, registryNames } = await import('../pull/refetch.js')
  const { repairProgress } = await import('./repair-progress.js')
  const lost = missing.map((blob) => ({ ...blob, references: registryNames(blob.references) }))
  const telling = { ...(onProgress && { onProgress: repairProgress(lost, onProgress) }), ...(signal && { signal }) }
  return await withPull(parts, (deps) => refetch(lost, deps, telling))
}
