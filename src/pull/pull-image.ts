import type { ReferenceRecord } from '../log/event-log.js'
import type { ReferenceSet } from '../log/events.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, type Reference } from '../oci/reference.js'
import { type Fetched, fetchLeaves } from './leaves.js'
import { type ImagePlan, planImage } from './plan.js'
import { checkPlatform, plainPlatforms, withKnownPlatforms } from './platforms.js'
import { readImage } from './read-image.js'
import type { PulledImage } from './report.js'
import { type Resolution, resolve } from './resolve.js'
import type { ImageRun } from './run.js'

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
  const { event, fetched } = await complete(reference, resolution, known, run)
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

/** Steps 3 to 7. Once more when another process added platforms to the same root meanwhile: the union is recorded. */
async function complete(
  reference: Reference,
  resolution: Resolution,
  known: ReferenceRecord | undefined,
  run: ImageRun,
): Promise<{ readonly event: ReferenceSet; readonly fetched: Fetched }> {
  const wanted = withKnownPlatforms(run.request.wanted, known, resolution.root)
  const offline = run.request.policy === 'never'
  const { signal } = run
  const manifests = await readImage(reference, resolution, { wanted, offline, signal }, { ...run.holdings, ...run })
  const plan = planImage(manifests.found, wanted)
  if (run.request.strict) await checkPlatform(reference, plan, run)
  const leaves = await fetchLeaves(reference, plan, run)
  const staged = await commitManifests(plan, manifests.fetched, run)
  const event = await describe(reference, plan, run)
  const outdatedBy = await recordReference(event, known, run)
  if (outdatedBy !== undefined) return complete(reference, resolution, outdatedBy, run)
  return { event, fetched: { bytes: leaves.bytes + staged.bytes, blobs: leaves.blobs + staged.blobs } }
}

/** Step 6 for manifests, which are in memory already: children before parents, after all leaves. */
async function commitManifests(
  plan: ImagePlan,
  fetched: ReadonlyMap<Digest, Uint8Array>,
  { deps }: ImageRun,
): Promise<Fetched> {
  const commits: Promise<void>[] = []
  for (const { descriptor } of plan.manifests) {
    const bytes = fetched.get(descriptor.digest)
    if (bytes === undefined) continue
    const ingest = await deps.blobs.stage(descriptor.digest, bytes)
    // The recorder keeps their order, in one group or in several.
    commits.push(deps.recorder.commitBlob(ingest, descriptor.mediaType))
  }
  await Promise.all(commits)
  return { bytes: [...fetched.values()].reduce((sum, { length }) => sum + length, 0), blobs: fetched.size }
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
