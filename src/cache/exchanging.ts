/** What brings images into a cache: from archives, folders, and another cache. */
import type { CopyOptions, ImportOptions } from '../call-options.js'
import { HearthError, isHearthError, toFailure } from '../errors.js'
import type { ImportDeps, ImportOptions as OfferOptions } from '../exchange/import.js'
import type { Offer, OfferedImage } from '../exchange/offer.js'
import type { StoredImage } from '../exchange/plan-export.js'
import type { FailedSource, ImportedSource, ImportReport } from '../exchange/reports.js'
import type { ReadContent } from '../inventory/closure.js'
import type { IndexEntry } from '../log/decide.js'
import type { Digest } from '../oci/digest.js'
import type { CacheParts } from './cache-parts.js'
import { leasing } from './leasing.js'

type Brought = Omit<ImportedSource, 'source'>

/** Each source for itself, one after the other: a later one finds what an earlier one has brought. */
export async function importInto(
  parts: CacheParts,
  sources: readonly string[],
  options: ImportOptions & { readonly signal: AbortSignal },
): Promise<ImportReport> {
  const { openFolder, openSource } = await import('../exchange/fs-source.js')
  const { openArchive } = await import('../exchange/archive-offer.js')
  const { counted } = await import('../exchange/bytes.js')
  const results: (ImportedSource | FailedSource)[] = []
  const { onProgress, ...wanted } = options
  const { compress = false, signal } = wanted
  const bringFrom = async (source: string): Promise<Brought> => {
    // First: a mistyped path makes no cache.
    const opened = await openSource(source, signal)
    const told = (bytes: number, totalBytes?: number) =>
      onProgress?.({ type: 'import-progress', source, bytes, ...(totalBytes !== undefined && { totalBytes }) })
    return await withImportDeps(parts, (deps) => {
      if (opened.kind === 'folder') {
        return importing({ ...wanted, onStaged: told }, deps, () => openFolder(source, deps))
      }
      // What of an archive is missing is staged while it is read.
      let read = 0
      const bytes = counted(opened.bytes, (length) => {
        read += length
        told(read, opened.size)
      })
      return importing(wanted, deps, () => openArchive(bytes, { ...deps, compress, signal }))
    })
  }
  for (const source of sources) {
    results.push(await settled(source, bringFrom(source)))
  }
  return { results }
}

/**
 * What is shared between the two caches, if the file system lets them, is hashed before it counts in the other one too. Until then
 * leases keep it in this one.
 */
export async function copyTo(
  parts: CacheParts,
  references: readonly string[],
  { to, force, referrers = true, onProgress, signal }: CopyOptions & { readonly signal: AbortSignal },
): Promise<ImportedSource> {
  // As for the cache's own path: a variable that was not set, and not the current folder.
  if (to === '') throw new HearthError('OPTION_INVALID', 'the path of the other cache is empty', { option: 'to' })
  const { openFolder } = await import('../exchange/fs-source.js')
  const { CacheParts } = await import('./cache-parts.js')
  const { closureOf, contentReader } = await import('../inventory/closure.js')
  const { storedImages } = await import('./exporting.js')
  const read = contentReader(parts.blobs)
  const { images: stored, entries } = await storedImages(parts, references)
  const images = await withReferrers(stored, referrers ? entries : [], read)
  const onStaged = (bytes: number, totalBytes: number) => onProgress?.({ type: 'copy-progress', bytes, totalBytes })
  const target = new CacheParts({ ...parts.options, path: to }, parts.host)
  try {
    return await leasing(parts, async (leases) => {
      for (const { root } of images) await leases?.lease((await closureOf(root, read, signal)).digests)
      const bring = (deps: ImportDeps) =>
        importing({ ...(force && { force }), onStaged, signal }, deps, () =>
          openFolder(parts.path, { ...deps, images, link: true }),
        )
      return { source: parts.path, ...(await withImportDeps(target, bring)) }
    })
  } finally {
    await target.close()
  }
}

/** Images of a cache as another one gets them, with what of the entries refers to them. */
async function withReferrers(
  images: readonly StoredImage[],
  entries: readonly IndexEntry[],
  read: ReadContent,
): Promise<readonly OfferedImage[]> {
  const { findReferrers } = await import('../inventory/referrers.js')
  const offered = new Map<string, OfferedImage>()
  for (const { root } of images) {
    for (const { reference, descriptor, subject } of await findReferrers(root, entries, read)) {
      offered.set(reference, { root: descriptor, names: namesOf(reference), subject })
    }
  }
  for (const { root, name } of images) offered.set(name ?? `@${root.digest}`, { root, names: namesOf(name) })
  return [...offered.values()]
}

/** `@<digest>` stands for an image without a name. */
function namesOf(name = '@'): readonly string[] {
  return name.startsWith('@') ? [] : [name]
}

async function importing(options: OfferOptions, deps: ImportDeps, open: () => Promise<Offer>): Promise<Brought> {
  const { importOffer } = await import('../exchange/import.js')
  return await importOffer(await open(), options, deps)
}

/** What an import takes of a cache; whatever it has staged and not committed goes with it. */
async function withImportDeps(parts: CacheParts, run: (deps: ImportDeps) => Promise<Brought>): Promise<Brought> {
  const { Recorder } = await import('../pull/recorder.js')
  const { isHere } = await import('../exchange/import.js')
  const { FsStaging } = await import('../blobs/fs-staging.js')
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const { blobs, materialise } = parts
  const { durability } = parts.options
  const [log, boot, flusher] = [await parts.log(), await parts.boot(), await parts.flusher()]
  const records = await log.hold((held) => held.allBlobs())
  const isPresent = (digest: Digest, size: number) => isHere({ digest, size }, records, { blobs, boot })
  const staging = await FsStaging.open(parts.path, { durability })
  const leases = new FsLeases(parts.path)
  const onDoubtful = (bytes: number) => flusher.committed(bytes)
  const recording = { log, blobs: staging, boot, materialise, durability, onDoubtful, now: () => performance.now() }
  try {
    const brought = await run({ log, blobs, staging, leases, boot, isPresent, recorder: new Recorder(recording) })
    await (await parts.uses()).touch(brought.images.map(({ reference }) => reference))
    return brought
  } finally {
    await staging.close()
    await leases.release()
  }
}

/** One source's failure is its own result; being stopped ends them all. */
async function settled(source: string, importing: Promise<Brought>): Promise<ImportedSource | FailedSource> {
  try {
    return { source, ...(await importing) }
  } catch (error) {
    if (!isHearthError(error) || error.code === 'ABORTED') throw error
    return { ok: false, source, failure: toFailure(error) }
  }
}
