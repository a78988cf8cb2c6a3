/** What carries images out of a cache. */
import type { ExportOptions } from '../call-options.js'
import { HearthError } from '../errors.js'
import type { StoredImage } from '../exchange/plan-export.js'
import type { ExportReport } from '../exchange/reports.js'
import type { IndexEntry } from '../log/decide.js'
import { formatReference, parseReference } from '../oci/reference.js'
import type { CacheParts } from './cache-parts.js'
import { leasing } from './leasing.js'

/**
 * Reads index.json and blobs alone, and writes nothing but leases where it may: an export waits for nobody, and a cache that may
 * not be written can be exported.
 */
export async function exportFrom(
  parts: CacheParts,
  references: readonly string[],
  { output, format = 'oci', platform, name, referrers = true, onProgress, signal }: ExportOptions,
): Promise<ExportReport> {
  const { exportImages } = await import('../exchange/export.js')
  const { openLayoutFolder, openOutput } = await import('../exchange/fs-output.js')
  const { hostPlatform, parsePlatform } = await import('../oci/platform.js')
  const { images, entries } = await storedImages(parts, references, name)
  const selected = platform === undefined || platform === 'all' ? platform : parsePlatform(platform)
  return await leasing(parts, (leases) =>
    exportImages(
      {
        images,
        format,
        ...(selected !== undefined && { platform: selected }),
        ...(name !== undefined && { name }),
        ...(onProgress && { onProgress }),
        ...(signal && { signal }),
      },
      {
        blobs: parts.blobs,
        ...(referrers && { entries }),
        ...(leases && { leases }),
        hostPlatform: hostPlatform(parts.host),
        openFile: () => openOutput(output, signal),
        openFolder: () => openLayoutFolder(output),
      },
    ),
  )
}

export interface Stored {
  readonly images: readonly StoredImage[]
  /** All that index.json names. */
  readonly entries: readonly IndexEntry[]
}

/** Each reference once, with the name it gets. @throws HearthError REFERENCE_UNKNOWN, OPTION_INVALID */
export async function storedImages(parts: CacheParts, references: readonly string[], name?: string): Promise<Stored> {
  const { entryFinder, readEntries } = await import('../inventory/entries.js')
  const entries = await readEntries(parts.index)
  const found = [...new Set(references.map(entryFinder(entries)))]
  if (name !== undefined && found.length !== 1) {
    throw new HearthError('OPTION_INVALID', 'one name is for one image', { option: 'name' })
  }
  await (await parts.uses()).touch(found.map(({ reference }) => reference))
  const images = found.map(({ reference, descriptor }) => {
    const given = name === undefined ? nameOf(reference) : formatReference(parseReference(name))
    return { root: descriptor, ...(given !== undefined && { name: given }) }
  })
  return { images, entries }
}

/** `@<digest>` stands for an image without a name. */
function nameOf(reference: string): string | undefined {
  return reference.startsWith('@') ? undefined : reference
}
