import type { BlobStore } from '../blobs/blob-store.js'
import type { Staging } from '../blobs/staging.js'
import { HearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { archiveInvalid } from './archive-error.js'
import { type Bytes, collectBytes } from './bytes.js'
import { readDockerImages } from './docker-archive.js'
import type { Offer, OfferedImage } from './offer.js'
import { type ArchiveContent, readArchive } from './read-archive.js'
import { parseOfferedIndex } from './read-index.js'

export interface ArchiveOfferDeps {
  readonly staging: Staging
  readonly blobs: Pick<BlobStore, 'read' | 'stream'>
  /** Whether the cache has a sound blob of this size. */
  isPresent(digest: Digest, size: number): Promise<boolean>
  /** Compresses layers of Docker archives that are not. */
  readonly compress: boolean
  readonly signal?: AbortSignal
}

/**
 * What an archive offers, an OCI archive or a Docker archive, gzipped or not: told from its content. When it is read, all of
 * it is staged.
 * @throws HearthError ARCHIVE_INVALID when it is neither, damaged, or built to do harm; DIGEST_MISMATCH, ABORTED …
 */
export async function openArchive(source: Bytes, deps: ArchiveOfferDeps): Promise<Offer> {
  const content = await readArchive(source, deps)
  const images = await imagesIn(content, deps)
  return {
    images,
    size: async (digest) => content.blobs.get(digest)?.size ?? deps.staging.size(digest),
    read: (digest, { maxBytes }) => readStaged(digest, maxBytes, deps),
    stage: async () => {},
  }
}

/** Docker's newer archives are both; index.json says more. */
async function imagesIn(content: ArchiveContent, deps: ArchiveOfferDeps): Promise<readonly OfferedImage[]> {
  const [layout, index, manifest] = (['oci-layout', 'index.json', 'manifest.json'] as const).map((name) =>
    content.controls.get(name),
  )
  if (index !== undefined) {
    if (layout === undefined) throw archiveInvalid('the archive has an index.json, but no oci-layout')
    return parseOfferedIndex(layout, index)
  }
  if (manifest === undefined) throw archiveInvalid('the archive has neither index.json nor manifest.json')
  const streamPresent = (digest: Digest): Bytes => deps.blobs.stream(digest)
  return await readDockerImages(manifest, content, { ...deps, streamPresent })
}

async function readStaged(digest: Digest, maxBytes: number, deps: ArchiveOfferDeps): Promise<Uint8Array> {
  const size = deps.staging.size(digest)
  if (size === undefined) return await deps.blobs.read(digest, { maxBytes })
  const tooLarge = () =>
    new HearthError('MANIFEST_TOO_LARGE', `${digest} has ${size} bytes`, { digest, size, maxBytes })
  return await collectBytes(deps.staging.stream(digest), maxBytes, tooLarge)
}
