import { algorithmOf, type Digest, encodedOf } from './digest.js'

declare const brand: unique symbol

/** A path relative to the root of an image layout. Never used against the current directory: adapters join it first. */
export type LayoutPath = string & { readonly [brand]: 'LayoutPath' }

/** Spec: image-spec v1.1 image-layout.md. */
export const OCI_LAYOUT_FILE = 'oci-layout' as LayoutPath
export const INDEX_FILE = 'index.json' as LayoutPath
export const BLOBS_FOLDER = 'blobs' as LayoutPath
export const OCI_LAYOUT_BYTES = '{"imageLayoutVersion":"1.0.0"}'

/** Ours, beside the layout: an image layout may hold further files. */
export const LINUXKIT_LOCK = '.lock' as LayoutPath
export const HEARTH_FOLDER = '.hearth' as LayoutPath
export const FORMAT_FILE = '.hearth/format.json' as LayoutPath
export const LOG_FOLDER = '.hearth/log' as LayoutPath
export const LOG_LOCK = '.hearth/log.lock' as LayoutPath
export const INGEST_FOLDER = '.hearth/ingest' as LayoutPath
/** Old records that were taken out of the log's database. */
export const ARCHIVE_FOLDER = '.hearth/archive' as LayoutPath
export const CLAIMS_FILE = '.hearth/claims.lock' as LayoutPath
export const LEASES_FOLDER = '.hearth/leases' as LayoutPath
/** What a repair took away: nothing that might be evidence is ever removed. */
export const QUARANTINE_FOLDER = '.hearth/quarantine' as LayoutPath
export const DAMAGED_FOLDER = '.hearth/damaged' as LayoutPath
export const USED_FOLDER = '.hearth/used' as LayoutPath
/** What we last wrote to index.json: the base of the three-way comparison that finds other tools' edits. */
export const MATERIALISED_FILE = '.hearth/materialised.json' as LayoutPath

/** The annotation in which index.json names an image. Spec: image-spec v1.1 annotations.md. */
export const REF_NAME = 'org.opencontainers.image.ref.name'
/** The same name for containerd's importers. */
export const CONTAINERD_IMAGE_NAME = 'io.containerd.image.name'
/** index.json's own annotations: the log position it accounts for, and that record's checksum. */
export const LOG_POSITION = 'dev.hearth.log.position'
export const LOG_HEAD = 'dev.hearth.log.head'
/** On each entry: the platforms that are complete in this cache, comma-separated, and their bytes in all. */
export const PLATFORMS = 'dev.hearth.platforms'
export const CONTENT_SIZE = 'dev.hearth.size'
/** On an entry that no budget may take away: `true`. */
export const PINNED = 'dev.hearth.pinned'
/** On an entry that stands for one platform of another entry: that one's name. */
export const PLATFORM_OF = 'dev.hearth.platform-of'

/** On an entry that refers to another one, and comes and goes with it: the digest of that manifest. */
export const REFERRER_OF = 'dev.hearth.referrer-of'

export function blobPath(digest: Digest): LayoutPath {
  return `${BLOBS_FOLDER}/${algorithmOf(digest)}/${encodedOf(digest)}` as LayoutPath
}

/** One name per digest for ingests: a colon is not portable in file names. */
export function digestFileName(digest: Digest): string {
  return `${algorithmOf(digest)}-${encodedOf(digest)}`
}
