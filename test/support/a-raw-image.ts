import type { Descriptor } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_MANIFEST } from '../../src/oci/media-type.js'
import type { BuiltImage } from './an-image.js'

export interface RawImageOptions {
  /** What the registry announces. Default: an OCI manifest. */
  readonly mediaType?: string
  /** Whose blobs and manifests the registry has as well. */
  readonly of?: readonly BuiltImage[]
}

/** An image whose root is what the test says, sense or nonsense: bytes, text, or a document to be written as JSON. */
export async function aRawImage(
  root: Uint8Array | string | object,
  options: RawImageOptions = {},
): Promise<BuiltImage> {
  const { mediaType = OCI_MANIFEST, of: others = [] } = options
  const bytes = bytesOf(root)
  const descriptor: Descriptor = { mediaType, digest: await digestBytes(bytes), size: bytes.length }
  return {
    root: descriptor,
    blobs: new Map([...others.flatMap(({ blobs }) => [...blobs]), [descriptor.digest, bytes]]),
    streamed: new Map(),
    manifests: new Map([
      ...others.flatMap(({ manifests }) => [...manifests]),
      [descriptor.digest, { descriptor, bytes }],
    ]),
    platforms: new Map(),
  }
}

/** The document of an image's root, to be changed and given to {@link aRawImage}. */
export function documentOf({ root, manifests }: BuiltImage): Record<string, unknown> {
  const found = manifests.get(root.digest)
  if (found === undefined) throw new TypeError('the root is among the manifests')
  return JSON.parse(Buffer.from(found.bytes).toString('utf8')) as Record<string, unknown>
}

function bytesOf(root: Uint8Array | string | object): Uint8Array {
  if (root instanceof Uint8Array) return root
  return Buffer.from(typeof root === 'string' ? root : JSON.stringify(root))
}
