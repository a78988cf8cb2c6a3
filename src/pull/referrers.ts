import { isHearthError } from '../errors.js'
import type { ReferenceSet } from '../log/events.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { formatReference, type Reference } from '../oci/reference.js'
import { cosignTags, withSubject } from '../oci/referrer.js'
import { commitManifests } from './commit-manifests.js'
import { type Fetched, fetchLeaves, NOTHING, sumOf } from './leaves.js'
import { planImage } from './plan.js'
import { readImage } from './read-image.js'
import type { ImageRun } from './run.js'

// RELIABILITY 7.2 D7: a repository that lists itself in circles is left after a while.
/** Signatures of attestations of an image, and one more. */
const MAX_DEPTH = 4
/** For one image, with all its platforms. */
const MAX_REFERRERS = 1000

/** A referrer, and how the cache names it. */
interface Found {
  /** Without a name, as most tools write referrers into layouts; cosign's under their tag, by which cosign asks for them. */
  readonly name: string
  readonly descriptor: Descriptor
  readonly subject: Digest
  /** What the registry lists has to say itself that it refers; a tag of cosign's says so by its name. */
  readonly listed: boolean
}

/**
 * Fetches what refers to an image that is in the cache: to its root, to the manifest of each of its platforms, and to those
 * that were found in turn. Nothing is asked with the policy `never`. Idempotent.
 * @throws HearthError whatever the registry answers, besides that it knows of none.
 */
export async function pullReferrers(
  reference: Reference,
  { descriptor, manifests = {} }: Pick<ReferenceSet, 'descriptor' | 'manifests'>,
  run: ImageRun,
): Promise<Fetched> {
  if (run.request.policy === 'never') return NOTHING
  const seen = new Set<Digest>([descriptor.digest, ...Object.values(manifests).map(({ digest }) => digest)])
  let fetched = NOTHING
  let level: readonly Digest[] = [...seen]
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const found = (await Promise.all(level.map((subject) => find(reference, subject, run)))).flat()
    const fresh = found.filter(({ descriptor: { digest } }) => !seen.has(digest)).slice(0, MAX_REFERRERS - seen.size)
    for (const { descriptor: one } of fresh) seen.add(one.digest)
    const pulled = await Promise.all(fresh.map((one) => pullOne(reference, one, run)))
    fetched = sumOf(fetched, ...pulled.map((one) => one ?? NOTHING))
    level = fresh.filter((_, place) => pulled[place] !== undefined).map(({ descriptor: { digest } }) => digest)
  }
  return fetched
}

async function find(reference: Reference, subject: Digest, { requests, signal }: ImageRun): Promise<readonly Found[]> {
  const { registry, repository } = reference
  const listed = await requests.referrers(reference, subject, signal)
  const tagged = cosignTags(subject).map(async (tag): Promise<Found[]> => {
    const own = { registry, repository, tag }
    try {
      const descriptor = await requests.resolve(own, signal, { mayBeMissing: true })
      return [{ name: formatReference(own), descriptor, subject, listed: false }]
    } catch (error) {
      if (isHearthError(error, 'MANIFEST_UNKNOWN') || isHearthError(error, 'NAME_UNKNOWN')) return []
      throw error
    }
  })
  return [
    ...listed.map((descriptor) => ({ name: `@${descriptor.digest}`, descriptor, subject, listed: true })),
    ...(await Promise.all(tagged)).flat(),
  ]
}

/** Undefined for one that does not refer to what it was listed for, whatever the registry says. */
async function pullOne(
  { registry, repository }: Reference,
  { name, descriptor, subject, listed }: Found,
  run: ImageRun,
): Promise<Fetched | undefined> {
  const { signal } = run
  const reference = { registry, repository, digest: descriptor.digest }
  const options = { wanted: 'all', offline: false, signal } as const
  const manifests = await readImage(reference, { root: descriptor }, options, { ...run.holdings, ...run })
  const [top] = manifests.found
  if (top === undefined) throw new TypeError('an image has at least its root')
  if (listed && (top.parsed.kind === 'opaque' || top.parsed.subject?.digest !== subject)) return undefined
  const plan = planImage(manifests.found, 'all', manifests.blobs)
  const leaves = await fetchLeaves(reference, plan, run)
  const committed = await commitManifests(plan, manifests.fetched, run)
  const event: ReferenceSet = {
    type: 'ReferenceSet',
    reference: name,
    descriptor: withSubject(descriptor, subject, top.parsed),
    platforms: [],
    size: plan.size,
    origin: 'pulled',
  }
  await run.deps.recorder.record(async (log) => {
    // A name that the user pulled for itself stays the user's.
    return (await log.reference(name))?.descriptor.digest === descriptor.digest ? [] : [event]
  })
  return sumOf(leaves, committed)
}
