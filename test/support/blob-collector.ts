import type { Descriptor } from '../../src/oci/descriptor.js'
import type { Digest, DigestAlgorithm } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import type { FetchedManifest } from '../../src/registry/registry.js'
import type { BuiltLayer } from './a-layer.js'
import type { BlobContent } from './blob-content.js'

/** Gathers the blobs of an image while it is built, and gives each its descriptor. */
export class BlobCollector {
  readonly #blobs = new Map<Digest, Uint8Array>()
  readonly #streamed = new Map<Digest, BlobContent>()
  readonly #manifests = new Map<Digest, FetchedManifest>()

  constructor(readonly algorithm: DigestAlgorithm) {}

  async add(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = await digestBytes(bytes, this.algorithm)
    this.#blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }

  addLayer({ mediaType, digest, content }: BuiltLayer): Descriptor {
    if (content instanceof Uint8Array) this.#blobs.set(digest, content)
    else this.#streamed.set(digest, content)
    return { mediaType, digest, size: content instanceof Uint8Array ? content.length : content.size }
  }

  async addManifest(manifest: { readonly mediaType: string } & Record<string, unknown>): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(manifest))
    const descriptor = await this.add(bytes, manifest.mediaType)
    this.#manifests.set(descriptor.digest, { descriptor, bytes })
    return descriptor
  }

  collected() {
    return { blobs: this.#blobs, streamed: this.#streamed, manifests: this.#manifests }
  }
}
