/**
 * Images of the cache as something to carry: what belongs to each is planned first, so that nothing is written when
 * something is missing; then the blobs go by in one pass, hashed on the way.
 */
import type { BlobStore, Leases } from '../blobs/blob-store.js'
import { HearthError } from '../errors.js'
import { contentReader } from '../inventory/closure.js'
import type { IndexEntry } from '../log/decide.js'
import type { Digest } from '../oci/digest.js'
import { isIndexType } from '../oci/media-type.js'
import type { Platform } from '../oci/platform.js'
import { blobReader } from './blob-reader.js'
import { type ByteSink, counted } from './bytes.js'
import { planReferrers } from './export-referrers.js'
import type { BlobReader, ExportedImage, ExportFormat } from './exported-image.js'
import { flatten } from './flatten.js'
import { type LayoutTarget, writeDockerArchive, writeLayout } from './layout-files.js'
import { planExport, type Selection, type StoredImage, singleOf } from './plan-export.js'
import type { ExchangeProgress, ExportReport } from './reports.js'
import { TAR_TYPES } from './tar-header.js'
import { TarWriter } from './tar-writer.js'

export interface ExportRequest {
  readonly images: readonly StoredImage[]
  readonly format: ExportFormat
  /** Default: what is there; for formats of single platforms, that of this machine. */
  readonly platform?: 'all' | Platform
  /** The name that the one image gets: it is in `images` already, and those of what refers to it follow. */
  readonly name?: string
  readonly onProgress?: (event: ExchangeProgress) => void
  readonly signal?: AbortSignal
}

/** What is being written, until it is finished or given up. */
export interface PendingOutput {
  /** In place and durable on return. */
  finish(): Promise<void>
  /** Leaves nothing behind, where that is possible. Idempotent. */
  abandon(): Promise<void>
}

export interface ExportDeps {
  readonly blobs: Pick<BlobStore, 'read' | 'stat' | 'stream'>
  /** As of `PlanExportDeps`. */
  readonly leases?: Pick<Leases, 'lease'>
  /** What index.json names; what of it refers to the images goes along, where the format has a place for it. */
  readonly entries?: readonly IndexEntry[]
  readonly hostPlatform: Platform
  /** Asked for once everything is known to be there. */
  openFile(): Promise<ByteSink & PendingOutput>
  openFolder(): Promise<LayoutTarget & PendingOutput>
}

/**
 * Writes images to one archive or folder. All or nothing: what was begun is taken away again when a blob turns out to be
 * damaged, or the call is stopped.
 * @throws HearthError as planExport and the output; OPTION_INVALID when the format cannot hold what was asked for.
 */
export async function exportImages(request: ExportRequest, deps: ExportDeps): Promise<ExportReport> {
  const { format, name, signal } = request
  checkRequest(request)
  const planning = { ...deps, ...(signal && { signal }) }
  const images: ExportedImage[] = []
  for (const image of request.images) {
    const selection = selectionOf(image, request, deps.hostPlatform)
    images.push(await planExport(image, selection, planning))
  }
  const entries = holdsOnePlatform(format) ? [] : (deps.entries ?? [])
  const referrers = await planReferrers(images, name, { ...planning, entries, read: contentReader(deps.blobs) })
  const all = [...images, ...referrers]
  const reader = telling(blobReader(deps.blobs, signal), all, request)
  if (format === 'oci-dir') {
    await finishing(await deps.openFolder(), (folder) => writeLayout(all, reader, folder))
  } else {
    const write = archiveWriter(format, all)
    await finishing(await deps.openFile(), (sink) => write(reader, sink))
  }
  return reportOf(images, referrers, format)
}

function checkRequest({ images, format, platform }: ExportRequest): void {
  if (holdsOnePlatform(format) && platform === 'all') {
    throw new HearthError('OPTION_INVALID', `${format} holds images of one platform, not all`, { option: 'platform' })
  }
  if (format === 'filesystem' && images.length > 1) {
    throw new HearthError('OPTION_INVALID', 'a file system is that of one image', { option: 'format' })
  }
}

function selectionOf({ root }: StoredImage, { format, platform }: ExportRequest, host: Platform): Selection {
  if (platform !== undefined) return platform
  return holdsOnePlatform(format) && isIndexType(root.mediaType) ? host : 'present'
}

/** Docker and a file system know of no index, nor of what refers to images. */
function holdsOnePlatform(format: ExportFormat): boolean {
  return format === 'docker' || format === 'filesystem'
}

async function finishing<T extends PendingOutput>(output: T, write: (output: T) => Promise<void>): Promise<void> {
  try {
    await write(output)
    await output.finish()
  } finally {
    await output.abandon()
  }
}

type WriteArchive = (reader: BlobReader, sink: ByteSink) => Promise<void>

/** What cannot be written in the format is refused here, before there is an output. */
function archiveWriter(format: Exclude<ExportFormat, 'oci-dir'>, images: readonly ExportedImage[]): WriteArchive {
  switch (format) {
    case 'oci':
      return (reader, sink) => inTar(sink, (target) => writeLayout(images, reader, target))
    case 'docker': {
      const singles = images.map((image) => ({ ...image, single: singleOf(image, 'a Docker archive') }))
      return (reader, sink) => inTar(sink, (target) => writeDockerArchive(singles, reader, target))
    }
    case 'filesystem': {
      const [image] = images.map((each) => singleOf(each, 'a file system'))
      if (image === undefined) throw new TypeError('there is one image')
      return (reader, sink) => flatten(image.manifest, { source: reader, sink })
    }
    default:
      return unreachable(format)
  }
}

/** The files of a layout as entries, with their folders before them: not every reader makes those by itself. */
async function inTar(sink: ByteSink, write: (target: LayoutTarget) => Promise<void>): Promise<void> {
  const tar = new TarWriter(sink)
  const folders = new Set<string>()
  await write({
    async add(name, size, content) {
      const parts = name.split('/').slice(0, -1)
      for (const [depth] of parts.entries()) {
        const folder = `${parts.slice(0, depth + 1).join('/')}/`
        if (!folders.has(folder)) await tar.add({ name: folder, type: TAR_TYPES.folder, mode: 0o755 })
        folders.add(folder)
      }
      await tar.add({ name, size }, content)
    },
  })
  await tar.finish()
}

/** A reader that tells how much of the images it has read. Layers of a file system are read twice: to plan it, and to write it. */
function telling(
  reader: BlobReader,
  images: readonly ExportedImage[],
  { format, onProgress }: ExportRequest,
): BlobReader {
  if (onProgress === undefined) return reader
  const totalBytes = bytesOf(blobsOf(images)) * (format === 'filesystem' ? 2 : 1)
  let bytes = 0
  const tell = (length: number): void => {
    bytes += length
    onProgress({ type: 'export-progress', bytes, totalBytes })
  }
  return { read: (blob) => counted(reader.read(blob), tell) }
}

function blobsOf(images: readonly ExportedImage[]): ReadonlyMap<Digest, number> {
  return new Map(images.flatMap((image) => image.blobs).map(({ digest, size }) => [digest, size]))
}

function bytesOf(blobs: ReadonlyMap<Digest, number>): number {
  return [...blobs.values()].reduce((sum, size) => sum + size, 0)
}

function reportOf(
  images: readonly ExportedImage[],
  referrers: readonly ExportedImage[],
  format: ExportFormat,
): ExportReport {
  const blobs = blobsOf([...images, ...referrers])
  return {
    format,
    images: images.map(({ name, root, platforms }) => ({
      ...(name !== undefined && { name }),
      digest: root.digest,
      platforms,
    })),
    referrers: referrers.length,
    blobs: blobs.size,
    bytes: bytesOf(blobs),
  }
}

function unreachable(format: never): never {
  throw new TypeError(`unknown format: ${String(format)}`)
}
