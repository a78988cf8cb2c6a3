import { HearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { createHasher } from '../oci/hasher.js'
import { quote } from '../oci/quote.js'
import { type Bytes, counted } from './bytes.js'
import { checkExpansion, decompressed, type ExpansionLimits } from './compression.js'
import type { FlattenLimits } from './flatten-limits.js'
import { layerInvalid, layerTooLarge } from './layer-error.js'

/** Where layers come from: each read may be the second one of the same blob. */
export interface LayerSource {
  /** @throws HearthError BLOB_UNKNOWN, or DIGEST_MISMATCH at the latest before the end. */
  read(descriptor: Descriptor): Bytes
}

export interface LayerOptions {
  readonly limits: FlattenLimits
  /** What the image's config says of the layer without its compression. Not compared when it is absent. */
  readonly diffId?: Digest
  /** Hears of every chunk's length. */
  readonly onBytes?: (bytes: number) => void
}

// OCI's and Docker's, also those that registries may not hold: what is here may be unpacked.
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:[.+](?:gzip|zstd))?)$/

/** The limits here are checked here, where the failure gets a code of its own. */
const UNLIMITED: ExpansionLimits = Object.freeze({
  maxBytes: Number.POSITIVE_INFINITY,
  maxRatio: Number.POSITIVE_INFINITY,
  ratioFromBytes: Number.POSITIVE_INFINITY,
})

/**
 * A layer's tar archive. How it is compressed shows in its first bytes: media types are often wrong about it, and the diff
 * ID settles that the right bytes came out.
 * @throws HearthError LAYER_INVALID for damage or a media type that is no layer's, LAYER_TOO_LARGE beyond the limits,
 *   DIGEST_MISMATCH after the last byte when it is not what the config says.
 */
export async function* layerTar(layer: Descriptor, source: LayerSource, options: LayerOptions): Bytes {
  if (!LAYER_TYPE.test(layer.mediaType)) {
    throw layerInvalid(`it is of type ${quote(layer.mediaType)}, which is no layer of a file system`)
  }
  const { limits, diffId, onBytes } = options
  const hasher = diffId && (await createHasher(algorithmOf(diffId)))
  let [input, output] = [0, 0]
  const compressed = counted(source.read(layer), (bytes) => {
    input += bytes
  })
  for await (const chunk of decompressed(compressed, UNLIMITED)) {
    output += chunk.length
    checkExpansion(limits, { input, output }, layerTooLarge)
    hasher?.update(chunk)
    onBytes?.(chunk.length)
    yield chunk
  }
  const actual = hasher?.digest()
  if (diffId === actual || diffId === undefined || actual === undefined) return
  const details = { layer: layer.digest, expected: diffId, actual }
  throw new HearthError('DIGEST_MISMATCH', `layer ${layer.digest} is not the one that the config speaks of`, details)
}
