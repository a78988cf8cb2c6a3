/** What carries images out of a cache and into it: archives, folders, other caches. */
import type { CopyOptions, ExportOptions, ImportOptions } from '../api.js'
import { HearthError, isHearthError, toFailure } from '../errors.js'
import type { ImportDeps } from '../exchange/import.js'
import type { Offer } from '../exchange/offer.js'
import type { StoredImage } from '../exchange/plan-export.js'
import type { ExportReport, FailedSource, ImportedSource, ImportReport } from '../exchange/reports.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, parseReference } from '../oci/reference.js'
import type { CacheParts } from './cache-parts.js'
import { leasing } from './leasing.js'

type Brought = Omit<ImportedSource, 'source'>

/**
 * Reads index.json and blobs alone, and writes nothing but leases where it may: an export waits for nobody, and a cache that may
 * not be written can be exported.
 */
export async function exportFrom(
  parts: CacheParts,
  references: readonly string[],
  { output, format = 'oci', platform, name, signal }: ExportOptions,
): Promise<ExportReport> {
  const { exportImages } = await import('../exchange/export.js')
  const { openLayoutFolder, openOutput } = await import('../exchange/fs-output.js')
  const { hostPlatform, parsePlatform } = await import('../oci/platform.js')
  const images = await storedImages(parts, references, name)
  const selected = platform === undefined || platform === 'all' ? platform : parsePlatform(platform)
  return await leasing(parts, (leases) =>
    exportImages(
      { images, format, ...(selected !== undefined && { platform: selected }), ...(signal && { signal }) },
      {
        blobs: parts.blobs,
        ...(leases && { leases }),
        hostPlatform: hostPlatform(parts.host),
        openFile: () => openOutput(output),
        openFolder: () => openLayoutFolder(output),
      },
    ),
  )
}

/** Each reference once, with the name it gets. @throws HearthError REFERENCE_UNKNOWN, OPTION_INVALID */
async function storedImages(
  parts: CacheParts,
  references: readonly string[],
  name: string | undefined,
): Promise<readonly StoredImage[]> {
  const { findReference } = await import('../inventory/find-reference.js')
  const { parseIndexFile } = await import('../materialise/image-index.js')
  const bytes = await parts.index.read()
  const entries = bytes === undefined ? [] : parseIndexFile(bytes)
  const roots = new Map(entries.map((entry) => [entry.reference, entry.descriptor]))
  const digests = new Map([...roots].map(([key, { digest }]) => [key, digest]))
  const found = [...new Set(references.map((reference) => findReference(reference, digests)))]
  if (name !== undefined && found.length !== 1) {
    throw new HearthError('OPTION_INVALID', 'one name is for one image', { option: 'name' })
  }
  await (await parts.uses()).touch(found)
  return found.flatMap((reference) => {
    const root = roots.get(reference)
    const given = name === undefined ? nameOf(reference) : formatReference(parseReference(name))
    return root === undefined ? [] : [{ root, ...(given !== undefined && { name: given }) }]
  })
}

/** `@<digest>` stands for an image without a name. */
function nameOf(reference: string): string | undefined {
  return reference.startsWith('@') ? undefined : reference
}

/** Each source for itself, one after the other: a later one finds what an earlier one has brought. */
export async function importInto(
  parts: CacheParts,
  sources: readonly string[],
  options: ImportOptions & { readonly signal: AbortSignal },
): Promise<ImportReport> {
  const { openFolder, openSource } = await import('../exchange/fs-source.js')
  const { openArchive } = await import('../exchange/archive-offer.js')
  const results: (ImportedSource | FailedSource)[] = []
  const { compress = false, signal } = options
  const bringFrom = async (source: string): Promise<Brought> => {
    // First: a mistyped path makes no cache.
    const opened = await openSource(source, signal)
    return await withImportDeps(parts, (deps) =>
      importing(options, deps, () => {
        return opened.kind === 'folder'
          ? openFolder(source, deps)
          : openArchive(opened.bytes, { ...deps, compress, signal })
      }),
    )
  }
  for (const source of sources) {
    results.push(await settled(source, bringFrom(source)))
  }
  return { results }
}

/** What is shared between the two caches, if the file system lets them, is hashed before it counts in the other one too. */
export async function copyTo(
  parts: CacheParts,
  references: readonly string[],
  { to, force, signal }: CopyOptions & { readonly signal: AbortSignal },
): Promise<ImportedSource> {
  const { openFolder } = await import('../exchange/fs-source.js')
  const { CacheParts } = await import('./cache-parts.js')
  const stored = await storedImages(parts, references, undefined)
  const images = stored.map(({ root, name }) => ({ root, names: name === undefined ? [] : [name] }))
  const target = new CacheParts({ ...parts.options, path: to }, parts.host)
  try {
    const bring = (deps: ImportDeps) =>
      importing({ ...(force && { force }), signal }, deps, () =>
        openFolder(parts.path, { ...deps, images, link: true }),
      )
    return { source: parts.path, ...(await withImportDeps(target, bring)) }
  } finally {
    await target.close()
  }
}

async function importing(options: ImportOptions, deps: ImportDeps, open: () => Promise<Offer>): Promise<Brought> {
  const { importOffer } = await import('../exchange/import.js')
  return await importOffer(await open(), options, deps)
}

/** What an import takes of a cache; whatever it has staged and not committed goes with it. */
async function withImportDeps(parts: CacheParts, run: (deps: ImportDeps) => Promise<Brought>): Promise<Brought> {
  const { Recorder } = await import('../pull/recorder.js')
  const { isSound } = await import('../pull/holdings.js')
  const { FsStaging } = await import('../blobs/fs-staging.js')
  const { FsLeases } = await import('../blobs/fs-lease.js')
  const { blobs, materialise } = parts
  const { durability } = parts.options
  const [log, boot, flusher] = [await parts.log(), await parts.boot(), await parts.flusher()]
  const records = await log.hold((held) => held.allBlobs())
  const isPresent = async (digest: Digest, size: number): Promise<boolean> => {
    const stat = await blobs.stat(digest)
    return stat !== undefined && stat.size === size && isSound(records.get(digest), stat, boot)
  }
  const staging = await FsStaging.open(parts.path, { durability })
  const leases = new FsLeases(parts.path)
  const onDoubtful = () => flusher.committed()
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
