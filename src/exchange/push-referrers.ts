import type { HeldReferrer } from '../inventory/referrers.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { artifactTypeOf, MAX_MANIFEST_BYTES, parseManifest } from '../oci/manifest.js'
import { OCI_INDEX } from '../oci/media-type.js'
import type { Reference } from '../oci/reference.js'
import { cosignTagOf, referrersTag } from '../oci/referrer.js'
import { parseReferrers } from '../registry/referrers-answer.js'
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

interface Context {
  readonly to: Reference
  readonly deps: PushImageDeps
  readonly options: Options
}

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
    const pushed = await pushReferrer(referrer, { to, deps, options })
    sent = sumOf(sent, pushed.sent)
    const { subject } = referrer
    if (pushed.unlisted) unlisted.set(subject, [...(unlisted.get(subject) ?? []), pushed.unlisted])
  }
  for (const [subject, descriptors] of unlisted) await listUnderTag(subject, descriptors, { to, deps, options })
  return sent
}

/** What nobody lists unless we do is described as a list has it. */
async function pushReferrer(
  referrer: HeldReferrer,
  { to, deps, options }: Context,
): Promise<{ readonly sent: Sent; readonly unlisted?: Descriptor }> {
  const plan = await planPush(referrer.descriptor, undefined, { ...deps, signal: options.signal })
  const name = { name: nameOf(referrer), descriptor: plan.root }
  const isTagged = name.name !== plan.root.digest
  const [missing] = await namesToSet(to, [name], deps, options)
  const sent = missing === undefined ? NOTHING : await pushContent(to, plan, deps, options.signal)
  if (missing === undefined && isTagged) return { sent }
  // Also what is there: an earlier push may have ended before it was listed, and nothing but this answer says who lists it.
  const { listsReferrer } = await publish(to, name, deps, options.signal)
  return { sent, ...(!listsReferrer && !isTagged && { unlisted: await describe(plan.root, deps) }) }
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

/**
 * Adds to what the tag lists already. Two that do so at the same time may lose an entry: the specification has no way out. Where
 * something else than a list stands under the tag it stays: another image, or the subject itself, on GitLab, which takes the tag
 * for the digest. The referrers are there all the same, and are found once the registry lists them itself.
 */
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
    if (current?.digest === subject) return
    const pinned = current && { registry, repository, digest: current.digest }
    const bytes = pinned && (await deps.registry.manifest(pinned, { signal: own })).bytes
    const merged = mergeReferrers(bytes, descriptors)
    if (merged === undefined) return
    await uploads.publish(to, tag, { manifest: { mediaType: OCI_INDEX, bytes: merged }, signal: own })
  })
}

/** Pure: the index with the descriptors in it; undefined when it has them all, or is none. What it says besides stays. */
function mergeReferrers(index: Uint8Array | undefined, descriptors: readonly Descriptor[]): Uint8Array | undefined {
  const current = index === undefined ? [] : parseReferrers(index)
  if (current === undefined) return undefined
  const listed = new Set(current.map(({ digest }) => digest))
  const missing = descriptors.filter(({ digest }) => !listed.has(digest))
  if (missing.length === 0) return undefined
  const document =
    index === undefined ? { schemaVersion: 2, mediaType: OCI_INDEX } : JSON.parse(new TextDecoder().decode(index))
  const manifests = [...(document.manifests ?? []), ...missing]
  return new TextEncoder().encode(JSON.stringify({ ...document, manifests }))
}
