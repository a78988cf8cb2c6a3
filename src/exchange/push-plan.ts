import { contentReader, isLeaf, isListedBlob, walkImage } from '../inventory/closure.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { successors } from '../oci/manifest.js'
import type { Platform } from '../oci/platform.js'
import { type PlannedManifest, planImage } from '../pull/plan.js'
import type { WalkedImage } from '../pull/read-image.js'
import { type PlanExportDeps, planExport } from './plan-export.js'

/** All that a registry has to have for an image. */
export interface PushPlan {
  /** The image's root, or the manifest of the one platform that was asked for. */
  readonly root: Descriptor
  /** Children before parents, the root last. */
  readonly manifests: readonly Descriptor[]
  /** Configs and layers, each once; none that registries may not hold. */
  readonly leaves: readonly Descriptor[]
  /** The manifest of each platform; empty for a plain image. */
  readonly platforms: ReadonlyMap<string, Descriptor>
}

/**
 * What has to be pushed, all of which the cache has. A registry takes no index whose manifests it lacks: either every
 * platform is here, or one alone is pushed.
 * @throws HearthError as `planExport`
 */
export async function planPush(
  root: Descriptor,
  platform: Platform | undefined,
  deps: PlanExportDeps,
): Promise<PushPlan> {
  const { root: chosen } = await planExport({ root }, platform ?? 'all', deps)
  const { found, blobs } = await readTree(chosen, deps)
  const { leaves, platforms } = planImage(found, 'all', blobs)
  return { root: bare(chosen), manifests: childrenFirst(found), leaves, platforms }
}

/** Manifests of types that hearth does not know are pushed as they are: nothing is read from them. */
async function readTree(root: Descriptor, deps: PlanExportDeps): Promise<WalkedImage> {
  const found: PlannedManifest[] = []
  const blobs: Descriptor[] = []
  const { signal } = deps
  for await (const node of walkImage(root, contentReader(deps.blobs), { ...(signal && { signal }) })) {
    const { content, descriptor } = node
    if (isListedBlob(node)) blobs.push(descriptor)
    if (isLeaf(node)) continue
    const opaque = { kind: 'opaque', mediaType: descriptor.mediaType } as const
    found.push({ descriptor, parsed: content?.state === 'read' ? content.parsed : opaque })
  }
  return { found, blobs }
}

/** Each after everything that it points at, whatever else points at that. No image is deep: the walk has seen to it. */
function childrenFirst(found: readonly PlannedManifest[]): readonly Descriptor[] {
  const held = new Map<Digest, PlannedManifest>(found.map((manifest) => [manifest.descriptor.digest, manifest]))
  const ordered = new Map<Digest, Descriptor>()
  const visit = ({ descriptor, parsed }: PlannedManifest): void => {
    if (ordered.has(descriptor.digest)) return
    for (const { digest } of parsed.kind === 'index' ? successors(parsed) : []) {
      const child = held.get(digest)
      if (child !== undefined) visit(child)
    }
    ordered.set(descriptor.digest, bare(descriptor))
  }
  for (const manifest of found) visit(manifest)
  return [...ordered.values()]
}

/** Without what an index, or index.json, says about it. */
function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
