/**
 * The file system that an image would run with, as one tar archive. Two passes over the layers: the first finds which entry
 * of which layer is left after all of them, the second writes those. So what a file holds passes by once and is never kept,
 * and the disk is not touched.
 */
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { invalidField } from '../oci/fields.js'
import { parseDiffIds } from '../oci/image-config.js'
import { MAX_MANIFEST_BYTES, type Manifest } from '../oci/manifest.js'
import { isImageConfigType } from '../oci/media-type.js'
import { type ByteSink, collectBytes } from './bytes.js'
import { fileHeader, folderHeader, hardLink } from './flatten-entry.js'
import { FLATTEN_LIMITS, type FlattenLimits } from './flatten-limits.js'
import { pathOf } from './flatten-names.js'
import { type FlattenPlan, planFlatten, type Survivor } from './flatten-plan.js'
import { FlattenTree } from './flatten-tree.js'
import { inLayer, layerTooLarge } from './layer-error.js'
import { type LayerSource, layerTar } from './layer-stream.js'
import { readTar, TAR_LIMITS, type TarEntry } from './tar-reader.js'
import { expandSparse, isSparse, plainHeader } from './tar-sparse.js'
import { TarWriter } from './tar-writer.js'

export interface FlattenDeps {
  readonly source: LayerSource
  readonly sink: ByteSink
  readonly limits?: FlattenLimits
}

/**
 * Writes the archive; the same bytes for the same image. Nothing that was written counts before this resolves.
 * @throws HearthError MANIFEST_INVALID when the config does not fit, LAYER_INVALID or LAYER_TOO_LARGE naming the layer,
 *   DIGEST_MISMATCH, BLOB_UNKNOWN.
 */
export async function flatten(
  manifest: Manifest,
  { source, sink, limits = FLATTEN_LIMITS }: FlattenDeps,
): Promise<void> {
  const diffIds = await readDiffIds(manifest, source)
  const layers = manifest.layers.map((layer, at) => ({ layer, diffId: diffIds[at], source, limits }))
  const plan = await survey(layers, limits)
  const writer = new TarWriter(sink)
  for (const { path, facts } of plan.folders) await writer.add(folderHeader(path, facts))
  const output: Output = { writer, links: plan.links, left: limits.maxBytes }
  for (const [at, survivors] of plan.layers.entries()) {
    const layer = layers[at]
    if (layer !== undefined && survivors.length > 0) await writeLayer(layer, survivors, output)
  }
  await writer.finish()
}

/** A layer, and what is needed to read it. */
interface ReadableLayer {
  readonly layer: Descriptor
  readonly diffId: Digest | undefined
  readonly source: LayerSource
  readonly limits: FlattenLimits
}

async function readDiffIds({ config, layers }: Manifest, source: LayerSource): Promise<readonly Digest[]> {
  if (!isImageConfigType(config.mediaType)) throw invalidField('config', 'is not that of an image with a file system')
  const tooLarge = () => invalidField('config', `has more than ${MAX_MANIFEST_BYTES} bytes`)
  const diffIds = parseDiffIds(await collectBytes(source.read(config), MAX_MANIFEST_BYTES, tooLarge))
  if (diffIds.length === layers.length) return diffIds
  throw invalidField('rootfs.diff_ids', `names ${diffIds.length} layers, but the manifest has ${layers.length}`)
}

/** What all layers together have come to, so far. */
interface Used {
  bytes: number
  entries: number
}

/** The first pass. Every layer is verified as a whole in it. */
async function survey(layers: readonly ReadableLayer[], limits: FlattenLimits): Promise<FlattenPlan> {
  const tree = new FlattenTree(limits.maxNameBytes)
  const used: Used = { bytes: 0, entries: 0 }
  for (const [at, readable] of layers.entries()) {
    try {
      await surveyLayer(readable, { tree, at, used })
    } catch (error) {
      throw inLayer(error, readable.layer)
    }
  }
  return planFlatten(tree, layers.length)
}

async function surveyLayer(
  { layer, diffId, source, limits }: ReadableLayer,
  { tree, at, used }: { readonly tree: FlattenTree; readonly at: number; readonly used: Used },
): Promise<void> {
  const left = { ...limits, maxBytes: limits.maxBytes - used.bytes }
  const tar = layerTar(layer, source, {
    limits: left,
    onBytes: (bytes) => (used.bytes += bytes),
    ...(diffId && { diffId }),
  })
  let entry = 0
  for await (const { header } of readTar(tar, TAR_LIMITS)) {
    used.entries += 1
    if (used.entries > limits.maxEntries) throw layerTooLarge(`the layers have more than ${limits.maxEntries} entries`)
    const plain = isSparse(header) ? plainHeader(header) : header
    if (plain.size > limits.maxBytes) throw layerTooLarge(`a file has ${plain.size} bytes`)
    tree.apply(plain, { layer: at, entry })
    entry += 1
  }
}

interface Output {
  readonly writer: TarWriter
  readonly links: FlattenPlan['links']
  /** How much more may be written. */
  left: number
}

/** The second pass over a layer: what of it is left. */
async function writeLayer(readable: ReadableLayer, survivors: readonly Survivor[], output: Output): Promise<void> {
  const { layer, source, limits } = readable
  try {
    let entry = 0
    let next = 0
    // To the end, although the last survivor may come early: only then the blob is known to be what it was before.
    for await (const read of readTar(layerTar(layer, source, { limits }), TAR_LIMITS)) {
      const survivor = survivors[next]
      if (survivor?.node.entry === entry) {
        await writeEntry(read, survivor, output)
        next += 1
      }
      entry += 1
    }
  } catch (error) {
    throw inLayer(error, layer)
  }
}

async function writeEntry({ header, content }: TarEntry, survivor: Survivor, output: Output): Promise<void> {
  const sparse = isSparse(header)
  const plain = sparse ? plainHeader(header) : header
  output.left -= plain.size
  if (output.left < 0) throw layerTooLarge('the file system has more bytes than are allowed')
  const path = pathOf(survivor)
  await output.writer.add(fileHeader(path, plain), sparse ? expandSparse(header, content) : content)
  for (const other of output.links.get(survivor.node) ?? []) await output.writer.add(hardLink(pathOf(other), path))
}
