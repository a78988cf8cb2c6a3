import { bytesOf } from '../../src/exchange/bytes.js'
import { gzip } from '../../src/exchange/compression.js'
import { type TarHeaderInput, TarWriter } from '../../src/exchange/tar-writer.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import type { Digest } from '../../src/oci/digest.js'
import { blobPath, CONTAINERD_IMAGE_NAME, OCI_LAYOUT_BYTES, REF_NAME } from '../../src/oci/image-layout.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { aSink } from './a-sink.js'
import type { BuiltImage } from './an-image.js'

/** A file of an archive by its name, or an entry of any other kind. */
export type ArchiveEntry = readonly [name: string | TarHeaderInput, content?: Uint8Array | string | object]

/** A tar archive of anything, also of what no honest program would write. */
export async function archiveOf(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const sink = aSink()
  const tar = new TarWriter(sink)
  for (const [header, content = ''] of entries) {
    await tar.add(typeof header === 'string' ? { name: header } : header, bytesFrom(content))
  }
  await tar.finish()
  return sink.bytes()
}

/** The same, compressed. */
export async function gzipped(archive: Uint8Array): Promise<Buffer> {
  const sink = aSink()
  for await (const chunk of gzip(bytesOf(archive))) await sink.write(chunk)
  return sink.bytes()
}

/** The entries of an OCI archive, names and marker first. */
export function ociEntries(named: Readonly<Record<string, BuiltImage>>): ArchiveEntry[] {
  const roots = Object.entries(named).map(([name, { root }]) => namedRoot(root, name))
  return [['oci-layout', OCI_LAYOUT_BYTES], ['index.json', indexOf(roots)], ...blobEntries(...Object.values(named))]
}

/** An entry of index.json with its name, as hearth and containerd write it. */
export function namedRoot(root: Descriptor, name: string): Descriptor {
  return { ...root, annotations: { ...root.annotations, [REF_NAME]: name, [CONTAINERD_IMAGE_NAME]: name } }
}

export function indexOf(manifests: readonly object[]): object {
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests }
}

export function blobEntries(...images: readonly BuiltImage[]): ArchiveEntry[] {
  const blobs = new Map<Digest, Uint8Array>(images.flatMap(({ blobs }) => [...blobs]))
  return [...blobs].map(([digest, bytes]) => [blobPath(digest), bytes] as const)
}

export interface DockerParts {
  readonly config: Uint8Array
  readonly configName: string
  readonly layers: readonly (readonly [name: string, bytes: Uint8Array])[]
}

/** Config and layers of a plain image under the names that Docker gave them before version 25. */
export function dockerParts(image: BuiltImage): DockerParts {
  const [platform] = image.platforms.values()
  const bytes = ({ digest }: Descriptor): Uint8Array => image.blobs.get(digest) ?? new Uint8Array()
  if (platform === undefined) throw new TypeError('the image has a platform')
  return {
    config: bytes(platform.config),
    configName: `${platform.config.digest.slice('sha256:'.length)}.json`,
    layers: platform.layers.map((layer, at) => [`${'0'.repeat(63)}${at}/layer.tar`, bytes(layer)] as const),
  }
}

/** A Docker archive as `docker save` writes it: manifest.json comes last. */
export function dockerEntries(
  { config, configName, layers }: DockerParts,
  tags: readonly string[] | null,
): ArchiveEntry[] {
  const manifest = [{ Config: configName, RepoTags: tags, Layers: layers.map(([name]) => name) }]
  return [...layers, [configName, config], ['manifest.json', manifest]]
}

function bytesFrom(content: Uint8Array | string | object): Uint8Array {
  if (content instanceof Uint8Array) return content
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
}
