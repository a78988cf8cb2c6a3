import type { BlobStore } from '../blobs/blob-store.js'
import { isHearthError, toFailure } from '../errors.js'
import { inLanes } from '../inventory/lanes.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { MAX_MANIFEST_BYTES, parseManifest } from '../oci/manifest.js'
import { formatReference, parseReference } from '../oci/reference.js'
import type { PullPolicy } from '../options.js'
import { type ImagePlan, planImage, selectChildren, type WantedPlatforms } from '../pull/plan.js'
import { parseWanted } from '../pull/platforms.js'
import type { PullTarget } from '../pull/pull.js'
import { fetchManifest, walkManifests } from '../pull/read-image.js'
import type { FailedImage } from '../pull/report.js'
import type { Requests } from '../pull/requests.js'
import { resolve } from '../pull/resolve.js'
import type { GatherDeps } from './gather.js'
import type { PlannedImage, PlanTotals, WarmPlan } from './reports.js'
import { gatherLocked, targetOf, type WarmRequest } from './warm.js'

/** Manifests of so many images are in memory at once. */
const IMAGES_AT_ONCE = 64

export interface PlanRequest extends WarmRequest {
  readonly policy: PullPolicy
}

export interface PlanDeps extends GatherDeps {
  readonly requests: Requests
  readonly blobs: Pick<BlobStore, 'read' | 'stat'>
  /** What the cache has under each name. */
  readonly known: ReadonlyMap<string, Descriptor>
}

/**
 * What {@link warm} would fetch. Asks the registries for names and manifests, writes nothing, opens no log: a file of the
 * right name and size counts as present, and whether a plain image was made for the wanted platform is left to the pull.
 * @throws HearthError as warm does before it fetches; ABORTED
 */
export async function planWarm(request: PlanRequest, deps: PlanDeps): Promise<WarmPlan> {
  const { images, failures, built } = await gatherLocked(request, deps)
  const { signal } = request
  const needs: (ImageNeeds | FailedImage)[] = []
  const planOne = async ([place, target]: [number, PullTarget]): Promise<void> => {
    try {
      needs[place] = await readNeeds(target, request, deps)
    } catch (error) {
      if (signal.aborted || !isHearthError(error)) throw error
      const { reference } = target
      needs[place] = { ok: false, requested: reference, reference, failure: toFailure(error) }
    }
  }
  const targets = images.map((image) => targetOf(image, deps.host))
  await inLanes(targets.entries(), planOne, { lanes: IMAGES_AT_ONCE, signal })
  const planned = shareOut([...failures, ...needs])
  return { images: planned, built, totals: totalsOf(planned) }
}

/** What one image consists of, and which of it is not here. */
interface ImageNeeds {
  readonly ok: true
  readonly reference: string
  readonly plan: ImagePlan
  readonly missing: readonly Descriptor[]
}

async function readNeeds(target: PullTarget, request: PlanRequest, deps: PlanDeps): Promise<ImageNeeds> {
  const { policy, platforms, signal } = request
  const { requests, known, host } = deps
  const reference = parseReference(target.reference)
  const name = formatReference(reference)
  const descriptor = known.get(name)
  const resolution = await resolve(
    reference,
    { policy, signal, known: descriptor && { descriptor }, ...(target.digest && { pinned: target.digest }) },
    requests,
  )
  const wanted: WantedPlatforms = target.wanted ?? parseWanted(platforms, host)
  const missing: Descriptor[] = []
  const { found, blobs } = await walkManifests(reference, resolution.root, {
    select: (index) => selectChildren(index, wanted),
    read: (level) =>
      Promise.all(
        level.map(async (manifest) => {
          const held = await readHeld(manifest.digest, deps)
          if (held === undefined) missing.push(manifest)
          const options = { resolution, offline: policy === 'never', signal }
          const bytes = held ?? (await fetchManifest(reference, manifest, options, deps)).bytes
          return { descriptor: manifest, parsed: parseManifest(bytes, manifest.mediaType) }
        }),
      ),
  })
  const plan = planImage(found, wanted, blobs)
  for (const leaf of plan.leaves) if ((await deps.blobs.stat(leaf.digest))?.size !== leaf.size) missing.push(leaf)
  return { ok: true, reference: name, plan, missing }
}

async function readHeld(digest: Digest, { blobs }: PlanDeps): Promise<Uint8Array | undefined> {
  try {
    return await blobs.read(digest, { maxBytes: MAX_MANIFEST_BYTES })
  } catch (error) {
    if (isHearthError(error, 'BLOB_UNKNOWN') || isHearthError(error, 'DIGEST_MISMATCH')) return undefined
    throw error
  }
}

/** Pure. Each missing blob counts for the first image that needs it. */
function shareOut(needs: readonly (ImageNeeds | FailedImage)[]): (PlannedImage | FailedImage)[] {
  const counted = new Set<Digest>()
  return needs.map((image) => {
    if (!image.ok) return image
    const { reference, plan, missing } = image
    const own = missing.filter(({ digest }) => !counted.has(digest))
    for (const { digest } of own) counted.add(digest)
    const [missingBytes, fetchBytes] = [bytesOf(missing), bytesOf(own)]
    return {
      ok: true,
      reference,
      digest: plan.root.digest,
      platforms: [...plan.platforms.keys()].sort(),
      size: plan.size,
      fetchBlobs: own.length,
      fetchBytes,
      sharedBytes: missingBytes - fetchBytes,
      presentBytes: plan.size - missingBytes,
    }
  })
}

function totalsOf(images: readonly (PlannedImage | FailedImage)[]): PlanTotals {
  const planned = images.flatMap((image) => (image.ok ? [image] : []))
  const sum = (part: (image: PlannedImage) => number): number =>
    planned.reduce((total, image) => total + part(image), 0)
  return {
    images: images.length,
    failed: images.length - planned.length,
    fetchBlobs: sum(({ fetchBlobs }) => fetchBlobs),
    fetchBytes: sum(({ fetchBytes }) => fetchBytes),
    sharedBytes: sum(({ sharedBytes }) => sharedBytes),
    presentBytes: sum(({ presentBytes }) => presentBytes),
  }
}

function bytesOf(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((total, { size }) => total + size, 0)
}
