import type { HeldReferrer } from '../inventory/referrers.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { artifactTypeOf, MAX_MANIFEST_BYTES, parseManifest } from '../oci/manifest.js'
import { OCI_INDEX } from '../oci/media-type.js'
import type { Reference } from '../oci/reference.js'
import { cosignTagOf, referrersTag } from '../oci/referrer.js'
import {
  inTurn,
  NOTHING,
  namesToSet,
  type PushImageDeps,
  type PushImageOptions,
  publish,
  pushContent,
  type Sent,
  sumOf,
} from './push-image.js'
import { planPush } from './push-plan.js'

type Options = Pick<PushImageOptions, 'override' | 'signal'>

/**
 * Pushes what refers to an image, each after its subject. A registry that does not list referrers itself gets the tag that
 * stands in for the list, as every client that pushes one is to keep it.
 * Spec: distribution-spec v1.1 "Pushing Manifests with Subject".
 * @throws HearthError REFERENCE_EXISTS for another signature under cosign's tag; as `pushImage`.
 */
export async function pushReferrers(
  referrers: readonly HeldReferrer[],
  to: Reference,
  deps: PushImageDeps,
  options: Options,
): Promise<Sent> {
  let sent = NOTHING
  const unlisted = new Map<Digest, Descriptor[]>()
  for (const referrer of referrers) {
    const { descriptor, subject } = referrer
    const plan = await planPush(descriptor, undefined, { ...deps, signal: options.signal })
    const [name] = await namesToSet(to, [{ name: nameOf(referrer), descriptor: plan.root }], deps, options)
    if (name === undefined) continue
    const own = await pushContent(to, plan, deps, options.signal)
    sent = sumOf(sent, own)
    const { listsReferrer } = await publish(to, name, deps, options.signal)
    if (listsReferrer || name.name !== descriptor.digest) continue
    const listed = await describe(plan.root, deps)
    unlisted.set(subject, [...(unlisted.get(subject) ?? []), listed])
  }
  for (const [subject, descriptors] of unlisted) await listUnderTag(subject, descriptors, { to, deps, options })
  return sent
}

/** Cosign's under its tag, by which cosign asks for it; all others under their digest. */
function nameOf({ reference, descriptor, subject }: HeldReferrer): string {
  return cosignTagOf(reference, subject) ?? descriptor.digest
}

/** As a list of referrers has it. */
async function describe(descriptor: Descriptor, { blobs }: PushImageDeps): Promise<Descriptor> {
  const bytes = await blobs.read(descriptor.digest, { maxBytes: MAX_MANIFEST_BYTES })
  const parsed = parseManifest(bytes, descriptor.mediaType)
  if (parsed.kind === 'opaque') return descriptor
  const { annotations } = parsed
  const artifactType = artifactTypeOf(parsed)
  return { ...descriptor, ...(artifactType && { artifactType }), ...(annotations && { annotations }) }
}

interface Context {
  readonly to: Reference
  readonly deps: PushImageDeps
  readonly options: Options
}

/** Adds to what the tag lists already. Two that do so at the same time may lose an entry: the specification has no way out. */
async function listUnderTag(
  subject: Digest,
  descriptors: readonly Descriptor[],
  { to, deps, options: { signal } }: Context,
): Promise<void> {
  const { registry, repository } = to
  const { uploads } = deps.registry
  const tag = referrersTag(subject)
  await inTurn(to, deps, signal, async (own) => {
    const current = await uploads.current(to, tag, { signal: own })
    const pinned = current && { registry, repository, digest: current.digest }
    const bytes = pinned && (await deps.registry.manifest(pinned, { signal: own })).bytes
    const merged = mergeReferrers(bytes, descriptors)
    if (merged === undefined) return
    await uploads.publish(to, tag, { manifest: { mediaType: OCI_INDEX, bytes: merged }, signal: own })
  })
}

/** Pure: the index with the descriptors in it; undefined when it has them all. What it says besides stays. */
function mergeReferrers(index: Uint8Array | undefined, descriptors: readonly Descriptor[]): Uint8Array | undefined {
  const parsed = index && parseManifest(index, OCI_INDEX)
  const listed = new Set(parsed?.kind === 'index' ? parsed.manifests.map(({ digest }) => digest) : [])
  const missing = descriptors.filter(({ digest }) => !listed.has(digest))
  if (missing.length === 0) return undefined
  const document =
    index === undefined ? { schemaVersion: 2, mediaType: OCI_INDEX } : JSON.parse(new TextDecoder().decode(index))
  const manifests = [...(document.manifests ?? []), ...missing]
  return new TextEncoder().encode(JSON.stringify({ ...document, manifests }))
}
