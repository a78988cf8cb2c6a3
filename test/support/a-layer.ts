import { crc32, gzipSync } from 'node:zlib'
import type { Digest, DigestAlgorithm } from '../../src/oci/digest.js'
import { createHasher, digestBytes } from '../../src/oci/hasher.js'
import { OCI_LAYER, OCI_LAYER_GZIP } from '../../src/oci/media-type.js'
import { type BlobContent, contentOf, type Segment } from './blob-content.js'
import { seededBytes } from './seeded-bytes.js'
import { TAR_END, tarHeader, tarOf, tarPadding } from './tar.js'

export interface LayerSpec {
  /** Equal seeds give equal layers, in whatever image: this is how images share. Default: one of the image's own. */
  readonly seed?: string
  /** Incompressible bytes in the layer's file, besides a short text. Default 0. */
  readonly bytes?: number
  /** The same blob on every platform; otherwise each platform has its own. */
  readonly everyPlatform?: boolean
  /** Default `gzip`. */
  readonly compression?: 'gzip' | 'none'
  /** Bytes are made while they are read: for layers that should not lie in memory. `bytes` is rounded up to 4 MiB. */
  readonly streamed?: boolean
  /** Taken as it is: for foreign types and empty blobs. */
  readonly raw?: { readonly bytes: Uint8Array; readonly mediaType: string }
}

export interface BuiltLayer {
  readonly mediaType: string
  readonly digest: Digest
  readonly content: Uint8Array | BlobContent
  /** Digest of the uncompressed tar archive. */
  readonly diffId: Digest
}

/** A true layer: a tar archive that other tools unpack, compressed, with its digests. `seed` is the layer's identity. */
export async function aLayer(
  spec: LayerSpec,
  seed: string,
  algorithm: DigestAlgorithm = 'sha256',
): Promise<BuiltLayer> {
  if (spec.raw !== undefined) {
    const digest = await digestBytes(spec.raw.bytes, algorithm)
    return { mediaType: spec.raw.mediaType, digest, content: spec.raw.bytes, diffId: digest }
  }
  if (spec.streamed) return streamedLayer(spec.bytes ?? 0, seed, algorithm)
  const tar = tarOf([
    { path: `etc/hearth/${fileName(seed)}`, bytes: Buffer.from(`layer ${seed}\n`) },
    ...(spec.bytes ? [{ path: `usr/share/hearth/${fileName(seed)}.bin`, bytes: seededBytes(seed, spec.bytes) }] : []),
  ])
  const diffId = await digestBytes(tar, algorithm)
  if (spec.compression === 'none') return { mediaType: OCI_LAYER, digest: diffId, content: tar, diffId }
  // What cannot shrink is only framed: compressing 100 MiB of noise would take seconds of every test run.
  const gzipped = gzipSync(tar, { level: (spec.bytes ?? 0) > 64 * 1024 ? 0 : 6 })
  return { mediaType: OCI_LAYER_GZIP, digest: await digestBytes(gzipped, algorithm), content: gzipped, diffId }
}

// RFC 1951 section 3.2.4: a stored block is five bytes and up to 65,535 bytes of data.
const STORED = 65_535
const PATTERN_BYTES = 64 * STORED

/** gzip of stored blocks around a repeating pattern: any size, no compression, 4 MiB of memory. */
async function streamedLayer(bytes: number, seed: string, algorithm: DigestAlgorithm): Promise<BuiltLayer> {
  const pattern = seededBytes(seed, PATTERN_BYTES)
  const times = Math.ceil(bytes / PATTERN_BYTES)
  const head = tarHeader(`usr/share/hearth/${fileName(seed)}.bin`, times * PATTERN_BYTES)
  const tail = Buffer.concat([tarPadding(times * PATTERN_BYTES), TAR_END])
  const tar = contentOf(head, { bytes: pattern, times }, tail)
  const gzipped = contentOf(
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    storedBlocks(head, false),
    { bytes: storedBlocks(pattern, false), times } satisfies Segment,
    storedBlocks(tail, true),
    gzipTrailer(tar),
  )
  return {
    mediaType: OCI_LAYER_GZIP,
    digest: await digestContent(gzipped, algorithm),
    content: gzipped,
    diffId: await digestContent(tar, algorithm),
  }
}

function storedBlocks(bytes: Uint8Array, final: boolean): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += STORED) {
    const data = bytes.subarray(at, at + STORED)
    const head = Buffer.alloc(5)
    head[0] = final && at + STORED >= bytes.length ? 1 : 0
    head.writeUInt16LE(data.length, 1)
    head.writeUInt16LE(data.length ^ 0xffff, 3)
    blocks.push(head, data)
  }
  return Buffer.concat(blocks)
}

function gzipTrailer(content: BlobContent): Uint8Array {
  let checksum = 0
  for (const piece of content.read()) checksum = crc32(piece, checksum)
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(checksum, 0)
  trailer.writeUInt32LE(content.size % 2 ** 32, 4)
  return trailer
}

async function digestContent(content: BlobContent, algorithm: DigestAlgorithm): Promise<Digest> {
  const hasher = await createHasher(algorithm)
  for (const piece of content.read()) hasher.update(piece)
  return hasher.digest()
}

function fileName(seed: string): string {
  return seed.replace(/[^A-Za-z0-9.-]+/g, '-').slice(0, 60)
}
