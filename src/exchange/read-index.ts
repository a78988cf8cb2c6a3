import { isHearthError } from '../errors.js'
import { parseOciLayout } from '../materialise/format.js'
import { isPlatformEntry } from '../materialise/platform-entries.js'
import { type Descriptor, parseDescriptor } from '../oci/descriptor.js'
import {
  CONTAINERD_IMAGE_NAME,
  CONTENT_SIZE,
  PINNED,
  PLATFORM_OF,
  PLATFORMS,
  REF_NAME,
  REFERRER_OF,
} from '../oci/image-layout.js'
import { quote } from '../oci/quote.js'
import { cosignTagOf, subjectOf } from '../oci/referrer.js'
import { parseStrictJson } from '../oci/strict-json.js'
import { archiveInvalid } from './archive-error.js'
import type { OfferedImage } from './offer.js'

/** What index.json says about an entry anew each time. */
const OWN: readonly string[] = [
  REF_NAME,
  CONTAINERD_IMAGE_NAME,
  PLATFORMS,
  CONTENT_SIZE,
  PINNED,
  PLATFORM_OF,
  REFERRER_OF,
]
const MAX_ENTRIES = 100_000
/** Of the two files. RELIABILITY 7.2, D6. */
export const MAX_LAYOUT_BYTES = 64 * 1024
export const MAX_INDEX_BYTES = 20 * 1024 * 1024

/**
 * Pure. The images that another layout's index.json names, in its order. Stricter than for a cache's own: every reader has to
 * see the same images under the same names.
 * @throws HearthError ARCHIVE_INVALID
 */
export function parseOfferedIndex(layout: Uint8Array, index: Uint8Array): readonly OfferedImage[] {
  try {
    parseStrictJson(layout, { what: 'oci-layout' })
    parseOciLayout(new TextDecoder().decode(layout))
    return parseEntries(parseStrictJson(index, { what: 'index.json' }))
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID') && !isHearthError(error, 'MANIFEST_INVALID')) throw error
    throw archiveInvalid(error.message, error.details, error)
  }
}

function parseEntries(value: unknown): readonly OfferedImage[] {
  const { schemaVersion, manifests } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (schemaVersion !== undefined && schemaVersion !== 2) throw archiveInvalid('index.json is not of version 2')
  if (!Array.isArray(manifests) || manifests.length > MAX_ENTRIES) throw archiveInvalid('index.json lists no images')
  const images = manifests.map((entry: unknown, at) =>
    parseEntry(parseDescriptor(entry, `index.json.manifests[${at}]`)),
  )
  const offered = images.filter((image) => image !== undefined)
  refuseTwoMeanings(offered)
  return offered
}

/** Undefined for an entry that hearth has derived from another one. */
function parseEntry(entry: Descriptor): OfferedImage | undefined {
  const { annotations = {}, ...bare } = entry
  if (isPlatformEntry(annotations)) return undefined
  // containerd's name is the full one where the other is a tag alone, as Docker writes it.
  const name = annotations[CONTAINERD_IMAGE_NAME] || annotations[REF_NAME] || ''
  const foreign = Object.entries(annotations).filter(([key]) => !OWN.includes(key))
  const root = { ...bare, ...(foreign.length > 0 && { annotations: Object.fromEntries(foreign) }) }
  const names = name === '' || name.startsWith('@') ? [] : [name]
  const subject = subjectOf(entry)
  // What has no name says itself what it refers to, and a name stands for itself, unless cosign gave it.
  const refers = subject !== undefined && cosignTagOf(name, subject) !== undefined
  return { root, names, ...(refers && { subject }) }
}

function refuseTwoMeanings(images: readonly OfferedImage[]): void {
  const roots = new Map<string, string>()
  for (const { root, names } of images) {
    for (const name of names) {
      const other = roots.get(name) ?? root.digest
      if (other !== root.digest) throw archiveInvalid(`index.json gives two images the name ${quote(name)}`)
      roots.set(name, root.digest)
    }
  }
}
