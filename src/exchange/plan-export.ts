import type { BlobStore, Leases } from '../blobs/blob-store.js'
import { fromFailure, HearthError } from '../errors.js'
import { contentReader, isLeaf, isListedBlob, isPartOfBundle, walkImage } from '../inventory/closure.js'
import { type Descriptor, distinct } from '../oci/descriptor.js'
import type { Manifest } from '../oci/manifest.js'
import { isImageConfigType } from '../oci/media-type.js'
import { type Platform, rankPlatforms } from '../oci/platform.js'
import { readConfigPlatform } from '../pull/config-platform.js'
import { leavesOf, type PlannedManifest, planImage, platformName, selectChildren } from '../pull/plan.js'
import { labelled } from '../pull/unlabelled.js'
import type { ExportedImage, PlatformImage } from './exported-image.js'
import { wrongSize } from './wrong-size.js'

/** `present`: what the cache has of the index, which stays as it is. `all`: the same, and nothing may be missing. */
export type Selection = 'present' | 'all' | Platform

export interface PlanExportDeps {
  readonly blobs: Pick<BlobStore, 'read' | 'stat'>
  /** Absent where nobody of us ever removes anything: a cache that hearth has not written to. */
  readonly leases?: Pick<Leases, 'lease'>
  readonly signal?: AbortSignal
}

/** An image as index.json has it, and the name that it gets. */
export interface StoredImage {
  readonly name?: string
  readonly root: Descriptor
}

/**
 * Which blobs an export of the image consists of. Reads manifests, leases everything, and sees that it
 * is there with its right size.
 * @throws HearthError PLATFORM_MISSING when the cache lacks platforms that were asked for, PLATFORM_UNKNOWN when the image
 *   has none such; BLOB_UNKNOWN, SIZE_MISMATCH, DIGEST_MISMATCH … when what should be here is not, or is damaged.
 */
export async function planExport(
  image: StoredImage,
  selection: Selection,
  deps: PlanExportDeps,
): Promise<ExportedImage> {
  const planned = typeof selection === 'string' ? await planWhole(image, selection, deps) : undefined
  const exported = planned ?? (await planPlatform(image, selection as Platform, deps))
  // Before it is looked at: a removal must not take what was just found to be there.
  await deps.leases?.lease(exported.blobs.map(({ digest }) => digest))
  await checkPresent(exported.blobs, deps)
  return exported
}

/** Root and all manifests below it that the cache has. */
async function planWhole({ name, root }: StoredImage, selection: 'present' | 'all', deps: PlanExportDeps) {
  const { found, blobs, opaque, absent } = await readTree(root, deps)
  const plan = planImage(found, 'all', blobs)
  const [top] = found
  const isIndex = top?.parsed.kind === 'index' && top.parsed.manifests.length > 0
  const hasNone = isIndex && found.length + blobs.length + opaque.length === 1
  if (hasNone || (selection === 'all' && absent.length > 0)) throw platformsMissing(absent)
  return {
    ...(name !== undefined && { name }),
    root,
    blobs: distinct([...plan.leaves, ...opaque, ...plan.manifests.map(({ descriptor }) => descriptor)]),
    platforms: [...plan.platforms.keys()].sort(),
    ...(top?.parsed.kind === 'manifest' && { single: { descriptor: root, manifest: top.parsed } }),
  }
}

/** The one manifest that serves a platform. */
async function planPlatform(
  { name, root }: StoredImage,
  platform: Platform,
  deps: PlanExportDeps,
): Promise<ExportedImage> {
  const { found: read, absent } = await readTree(root, deps, [platform])
  const found = await labelled(read, deps.blobs)
  const [top] = found
  const isPlain = top?.parsed.kind === 'manifest'
  const chosen = isPlain ? root : chosenOf(found, absent, platform)
  const manifest = found.find(({ descriptor }) => descriptor.digest === chosen.digest)?.parsed
  if (manifest?.kind !== 'manifest') throw platformsMissing([chosen])
  if (isPlain) await checkPlainPlatform(manifest, platform, deps)
  const { annotations: _, platform: __, ...bare } = chosen
  return {
    ...(name !== undefined && { name }),
    root: isPlain ? root : bare,
    blobs: distinct([...leavesOf(manifest), chosen]),
    platforms: [platformName(chosen.platform ?? platform)],
    single: { descriptor: chosen, manifest },
  }
}

/** As `planImage` chooses it among all that the indexes list, so that an absent one is missing and not unknown. */
function chosenOf(found: readonly PlannedManifest[], absent: readonly Descriptor[], platform: Platform): Descriptor {
  const assumed = absent.map((descriptor) => ({ descriptor, parsed: { kind: 'opaque', mediaType: '' } as const }))
  const [chosen] = planImage([...found, ...assumed], [platform]).platforms.values()
  if (chosen !== undefined) return chosen
  throw new HearthError('PLATFORM_UNKNOWN', `the image does not say which platforms it has`, {
    expected: platformName(platform),
  })
}

/** A plain image says in its config what it was made for. */
async function checkPlainPlatform({ config }: Manifest, wanted: Platform, { blobs }: PlanExportDeps): Promise<void> {
  if (!isImageConfigType(config.mediaType)) return
  const platform = await readConfigPlatform(config, blobs)
  if (platform === undefined || rankPlatforms(wanted, [{ platform }]).length > 0) return
  const [expected, actual] = [platformName(wanted), platformName(platform)]
  throw new HearthError('PLATFORM_UNKNOWN', `the image was made for ${actual}, not for ${expected}`, {
    expected,
    actual,
  })
}

interface Tree {
  /** The root first, parents before children. */
  readonly found: readonly PlannedManifest[]
  /** What indexes list besides manifests and other indexes: what the cache has, and what it has to have. */
  readonly blobs: readonly Descriptor[]
  /** Manifests of types that hearth does not know, which an index lists and the cache has. */
  readonly opaque: readonly Descriptor[]
  readonly absent: readonly Descriptor[]
}

async function readTree(root: Descriptor, deps: PlanExportDeps, platforms?: readonly Platform[]): Promise<Tree> {
  const found: PlannedManifest[] = []
  const [blobs, opaque, absent]: [Descriptor[], Descriptor[], Descriptor[]] = [[], [], []]
  const select = (manifests: readonly Descriptor[]): readonly Descriptor[] =>
    selectChildren({ manifests }, platforms ?? 'all')
  const options = { select, ...(deps.signal && { signal: deps.signal }) }
  for await (const node of walkImage(root, contentReader(deps.blobs), options)) {
    const { content, descriptor } = node
    if (isLeaf(node) && !isListedBlob(node)) continue
    if (content?.state === 'damaged') throw fromFailure(content.failure)
    const isHere = content?.state === 'read' || (await deps.blobs.stat(descriptor.digest)) !== undefined
    if (content?.state === 'read') found.push({ descriptor, parsed: content.parsed })
    else if (isLeaf(node) && (isHere || isPartOfBundle(node))) blobs.push(descriptor)
    else (isHere ? opaque : absent).push(descriptor)
  }
  if (found[0]?.descriptor === root || opaque[0] === root)
    return { found: orOpaque(found, root), blobs, opaque, absent }
  throw new HearthError('BLOB_UNKNOWN', `the cache lacks the manifest ${root.digest}`, { digest: root.digest })
}

function orOpaque(found: readonly PlannedManifest[], root: Descriptor): readonly PlannedManifest[] {
  if (found.length > 0) return found
  return [{ descriptor: root, parsed: { kind: 'opaque', mediaType: root.mediaType } }]
}

async function checkPresent(blobs: readonly Descriptor[], { blobs: store }: PlanExportDeps): Promise<void> {
  for (const blob of blobs) {
    const { digest } = blob
    const actual = (await store.stat(digest))?.size
    if (actual === undefined) throw new HearthError('BLOB_UNKNOWN', `the cache lacks the blob ${digest}`, { digest })
    if (actual !== blob.size) throw wrongSize(blob, actual)
  }
}

function platformsMissing(absent: readonly Descriptor[]): HearthError {
  const names = absent.map(({ platform, digest }) => {
    return platform === undefined || platform.os === 'unknown' ? digest : platformName(platform)
  })
  // Attestations have no platform: they are named when nothing else is missing.
  const platforms = names.filter((name) => name.includes('/'))
  const expected = [...new Set(platforms.length > 0 ? platforms : names)].join(', ')
  return new HearthError('PLATFORM_MISSING', `the cache lacks ${expected} of this image; pull it first`, { expected })
}

/** The image that a format of single images holds. @throws HearthError OPTION_INVALID when it has no such thing. */
export function singleOf({ name, root, single }: ExportedImage, format: string): PlatformImage {
  if (single !== undefined && isImageConfigType(single.manifest.config.mediaType)) return single
  const what = single === undefined ? 'an index' : 'an artifact'
  throw new HearthError(
    'OPTION_INVALID',
    `${name ?? root.digest} is ${what}, and ${format} holds images of one platform`,
  )
}
