import type { BlobStat } from '../blobs/blob-store.js'
import type { IndexEntry } from '../log/decide.js'
import type { BlobCommitted, HearthEvent, ReferencePinned, ReferenceSet } from '../log/events.js'
import type { IndexFile } from '../materialise/index-file.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { closureOf, contentReader } from './closure.js'
import { inLanes } from './lanes.js'
import type { RebuiltLog } from './reports.js'
import type { Survey, SurveyDeps } from './survey.js'
import { checkImage } from './verify-closure.js'
import { readIndex } from './verify-index.js'

export interface RebuildDeps extends SurveyDeps {
  /** Identity of this boot of the machine. */
  readonly boot: string
  /**
   * Puts a log with these events in the place of the one that is there, which is kept; asks for the events once nobody else
   * can change the log. @returns where the old one is kept; undefined when there was none left.
   */
  readonly replaceLog: (
    make: () => Promise<readonly HearthEvent[]>,
    signal?: AbortSignal,
  ) => Promise<string | undefined>
}

/**
 * A new log in the place of one that cannot be relied on: the references that index.json has, and the blobs that were hashed
 * and found right. What the old one knew besides, its history above all, is kept aside with it. May be killed at any point and
 * run again: until the last step the cache has either the old log, or none and the new one ready.
 * @param survey with every blob hashed.
 */
export async function rebuildLog(survey: Survey, deps: RebuildDeps, signal?: AbortSignal): Promise<RebuiltLog> {
  const { sound } = survey.hashed
  // Durable before the new log vouches for them. What is lost or damaged is found missing then, and fetched again.
  await deps.blobs.flush([...sound.keys()], { ...(signal && { signal }) })
  let restored: Restored = { references: [], pins: [], blobs: [] }
  const keptAside = await deps.replaceLog(async () => {
    const entries = await settleNames(deps.indexFile)
    restored = await restore(entries, { ...deps, sound, ...(signal && { signal }) })
    return [...restored.blobs, ...restored.references, ...restored.pins]
  }, signal)
  const [references, blobs] = [restored.references.length, restored.blobs.length]
  return { references, blobs, ...(keptAside !== undefined && { keptAside }) }
}

/**
 * The entries of index.json. What hearth last wrote takes the place of one that is broken or gone: that copy goes aside with the
 * old log, and whoever is killed before the new one is in place would find no names any more.
 */
function settleNames(indexFile: IndexFile): Promise<readonly IndexEntry[]> {
  return indexFile.exclusively(async (file) => {
    const { bytes, failure, images, lastWritten } = await readIndex(indexFile)
    if (failure !== undefined) await file.setAside()
    const isLost = failure !== undefined || bytes === undefined
    if (isLost && lastWritten !== undefined && images.size > 0) await file.replace(lastWritten)
    return [...images.values()]
  })
}

interface Restored {
  readonly references: readonly ReferenceSet[]
  readonly pins: readonly ReferencePinned[]
  readonly blobs: readonly BlobCommitted[]
}

interface RestoreOptions extends Pick<RebuildDeps, 'blobs' | 'boot' | 'jobs'> {
  readonly sound: ReadonlyMap<Digest, BlobStat>
  readonly signal?: AbortSignal
}

/** What no reference needs stays unknown, as it may be another tool's work of this moment; `clean` takes it when it is old. */
async function restore(entries: readonly IndexEntry[], options: RestoreOptions): Promise<Restored> {
  const { boot, blobs, jobs, sound, signal } = options
  const checking = { read: contentReader(blobs), sound, ...(signal && { signal }) }
  const references = new Map<string, ReferenceSet>()
  const needed = new Set<Digest>()
  const look = async (entry: IndexEntry): Promise<void> => {
    const { manifests } = await checkImage(entry, checking)
    for (const digest of (await closureOf(entry.descriptor, checking.read, signal)).digests) needed.add(digest)
    references.set(entry.reference, referenceSet(entry, manifests))
  }
  await inLanes(entries, look, { lanes: jobs, ...(signal && { signal }) })
  const found = [...needed].flatMap((digest) => {
    const stat = sound.get(digest)
    return stat ? [{ type: 'BlobCommitted' as const, digest, ...stat, durable: true, boot }] : []
  })
  return {
    blobs: found,
    references: entries.flatMap(({ reference }) => references.get(reference) ?? []),
    pins: entries.flatMap(({ reference, pinned }) => (pinned ? [{ type: 'ReferencePinned' as const, reference }] : [])),
  }
}

function referenceSet(entry: IndexEntry, manifests: ReadonlyMap<string, Descriptor>): ReferenceSet {
  const { reference, descriptor, platforms, size } = entry
  return {
    type: 'ReferenceSet',
    reference,
    descriptor,
    platforms,
    ...(manifests.size > 0 && { manifests: Object.fromEntries(manifests) }),
    ...(size !== undefined && { size }),
    origin: 'restored',
  }
}
