import { gzipSync } from 'node:zlib'
import { TAR_TYPES } from '../../src/exchange/tar-header.js'
import { type TarHeaderInput, TarWriter } from '../../src/exchange/tar-writer.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import type { Digest } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import type { Manifest } from '../../src/oci/manifest.js'
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { aSink } from './a-sink.js'

/** An entry of a layer; its content is text or bytes. */
export interface LayerEntry extends TarHeaderInput {
  readonly content?: string | Uint8Array
}

export const aFile = (
  name: string,
  content: string | Uint8Array = name,
  header: Partial<LayerEntry> = {},
): LayerEntry => {
  return { ...header, name, content }
}
export const aFolder = (name: string, header: Partial<LayerEntry> = {}): LayerEntry => {
  return { mode: 0o755, ...header, name: `${name}/`, type: TAR_TYPES.folder }
}
export const aSymlink = (name: string, linkName: string): LayerEntry => ({ name, type: TAR_TYPES.symlink, linkName })
export const aLink = (name: string, linkName: string): LayerEntry => ({ name, type: TAR_TYPES.link, linkName })

/** A layer's tar archive. */
export async function aTar(entries: readonly LayerEntry[]): Promise<Buffer> {
  const sink = aSink()
  const writer = new TarWriter(sink)
  for (const { content = '', ...header } of entries) {
    await writer.add(header, typeof content === 'string' ? Buffer.from(content, 'latin1') : content)
  }
  await writer.finish()
  return sink.bytes()
}

/** A layer as a registry would give it. `tar` is what the config's diff ID speaks of. */
export interface StackLayer {
  readonly tar: Uint8Array
  readonly blob: Uint8Array
  readonly mediaType: string
}

export const plainLayer = (tar: Uint8Array): StackLayer => ({ tar, blob: tar, mediaType: OCI_LAYER })
export const gzipLayer = (tar: Uint8Array): StackLayer => {
  return { tar, blob: gzipSync(tar, { level: 1 }), mediaType: OCI_LAYER_GZIP }
}

/** An image of such layers. */
export interface Stack {
  readonly manifest: Manifest
  readonly root: Descriptor
  readonly blobs: ReadonlyMap<Digest, Uint8Array>
}

/** Lowest layer first. `diffIds` replaces what the config says of them. */
export async function aStack(layers: readonly StackLayer[], diffIds?: readonly string[]): Promise<Stack> {
  const blobs = new Map<Digest, Uint8Array>()
  const add = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const digest = await digestBytes(bytes)
    blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const rootfs = { type: 'layers', diff_ids: diffIds ?? (await Promise.all(layers.map(({ tar }) => digestBytes(tar)))) }
  const config = await add(OCI_CONFIG, json({ architecture: 'amd64', os: 'linux', config: {}, rootfs, history: [] }))
  const descriptors: Descriptor[] = []
  for (const { mediaType, blob } of layers) descriptors.push(await add(mediaType, blob))
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: descriptors }
  const root = await add(OCI_MANIFEST, json(document))
  return { manifest: { kind: 'manifest', mediaType: OCI_MANIFEST, config, layers: descriptors }, root, blobs }
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}
