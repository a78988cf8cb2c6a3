import { HearthError } from '../errors.js'
import type { ReferenceRecord } from '../log/event-log.js'
import type { ReferenceSet } from '../log/events.js'
import { formatReference, type Reference } from '../oci/reference.js'
import { commitManifests } from './commit-manifests.js'
import { type Fetched, fetchLeaves, NOTHING, sumOf } from './leaves.js'
import { type ImagePlan, planImage } from './plan.js'
import { checkPlatform, plainPlatforms, withKnownPlatforms } from './platforms.js'
import { type ImageManifests, readImage } from './read-image.js'
import { pullReferrers } from './referrers.js'
import type { PulledImage } from './report.js'
import { type Resolution, resolve } from './resolve.js'
import type { ImageRun } from './run.js'
import { labelled, unlabelledConfigs } from './unlabelled.js'

/** The eight steps for one image. Resolves when its reference is recorded; index.json follows by the recorder's flush. */
export async function pullImage(requested: string, reference: Reference, run: ImageRun): Promise<PulledImage> {
  const { request, deps, signal, pinned } = run
  const name = formatReference(reference)
  request.onProgress({ type: 'image-started', image: name })
  const known = await deps.log.hold((log) => log.reference(name), { signal })
  const resolution = await resolve(
    reference,
    { policy: request.policy, known, signal, ...(pinned && { pinned }) },
    run.requests,
  )
  const { digest } = resolution.root
  request.onProgress({ type: 'image-resolved', image: name, digest })
  const completed = await complete(reference, resolution, known, run)
  const { event } = completed
  const fetched = request.referrers
    ? sumOf(completed.fetched, await pullReferrers(reference, event, run))
    : completed.fetched
  request.onProgress({ type: 'image-done', image: name, digest, fetchedBytes: fetched.bytes })
  return {
    ok: true,
    requested,
    reference: name,
    digest,
    platforms: event.platforms,
    size: event.size ?? 0,
    fetchedBytes: fetched.bytes,
    fetchedBlobs: fetched.blobs,
    changed: known?.descriptor.digest !== digest,
    ...(resolution.unchecked !== undefined && { unchecked: resolution.unchecked }),
  }
}

interface Completed {
  readonly event: ReferenceSet
  readonly fetched: Fetched
}

/** Steps 3 to 7. Once more when another process added platforms to the same root meanwhile: the union is recorded. */
async function complete(
  reference: Reference,
  resolution: Resolution,
  known: ReferenceRecord | undefined,
  run: ImageRun,
): Promise<Completed> {
  const wanted = withKnownPlatforms(run.request.wanted, known, resolution.root)
  const offline = run.request.policy === 'never'
  const { signal } = run
  const manifests = await readImage(reference, resolution, { wanted, offline, signal }, { ...run.holdings, ...run })
  const told = await tellApart(reference, manifests, run)
  const plan = planImage(told.found, wanted, manifests.blobs)
  run.planned()
  const config = run.request.strict ? await checkPlatform(reference, plan, run) : NOTHING
  const leaves = await fetchLeaves(reference, plan, run)
  const committed = await commitManifests(plan, manifests.fetched, run)
  const event = await describe(reference, plan, run)
  // The last moment to stop: from here on the image is there.
  if (signal.aborted) throw new HearthError('ABORTED', 'stopped')
  const outdatedBy = await recordReference(event, known, run)
  const fetched = sumOf(told.configs, config, leaves, committed)
  if (outdatedBy === undefined) return { event, fetched }
  const again = await complete(reference, resolution, outdatedBy, run)
  return { event: again.event, fetched: sumOf(fetched, again.fetched) }
}

/** Before any layer is fetched: what their index says nothing of may be for other platforms than the wanted ones. */
async function tellApart(
  reference: Reference,
  { found }: Pick<ImageManifests, 'found'>,
  run: ImageRun,
): Promise<Pick<ImageManifests, 'found'> & { readonly configs: Fetched }> {
  const leaves = unlabelledConfigs(found)
  const configs = leaves.length === 0 ? NOTHING : await fetchLeaves(reference, { leaves }, run)
  return { found: await labelled(found, run.deps.blobs), configs }
}

async function describe(reference: Reference, plan: ImagePlan, run: ImageRun): Promise<ReferenceSet> {
  const indexed = plan.platforms.size > 0
  const { mediaType, digest, size } = plan.root
  return {
    type: 'ReferenceSet',
    reference: formatReference(reference),
    descriptor: { mediaType, digest, size },
    platforms: indexed ? [...plan.platforms.keys()].sort() : await plainPlatforms(plan, run.deps.blobs),
    ...(indexed && { manifests: Object.fromEntries([...plan.platforms].sort(([a], [b]) => (a < b ? -1 : 1))) }),
    size: plan.size,
    origin: 'pulled',
  }
}

/**
 * Step 7. Writes nothing when the log says the same already.
 * @returns what the log says when it knows platforms of the same root that the event lacks: plan again with these.
 */
async function recordReference(
  event: ReferenceSet,
  known: ReferenceRecord | undefined,
  { deps }: ImageRun,
): Promise<ReferenceRecord | undefined> {
  let outdatedBy: ReferenceRecord | undefined
  await deps.recorder.record(async (log) => {
    const before = await log.reference(event.reference)
    if (before?.descriptor.digest !== event.descriptor.digest) return [event]
    // Platforms that this plan knew of, and did not find in the index, were never there: the event corrects the log.
    const added = before.platforms.filter((name) => !event.platforms.includes(name) && !known?.platforms.includes(name))
    if (added.length > 0) {
      outdatedBy = before
      return []
    }
    return before.platforms.join() === event.platforms.join() && before.size === event.size ? [] : [event]
  })
  return outdatedBy
}
