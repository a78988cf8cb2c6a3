import type { Descriptor } from './descriptor.js'
import { algorithmOf, type Digest, encodedOf, isDigest } from './digest.js'
import { REFERRER_OF } from './image-layout.js'
import { artifactTypeOf, type ParsedManifest } from './manifest.js'

/**
 * The tag under which a registry without the referrers API keeps an index of a manifest's referrers.
 * Spec: distribution-spec v1.1 "Referrers Tag Schema".
 */
export function referrersTag(digest: Digest): string {
  return `${algorithmOf(digest)}-${encodedOf(digest).slice(0, 64)}`
}

/**
 * The tags under which cosign keeps signatures, attestations and bills of materials of a manifest: older than referrers, and
 * still what most images have.
 */
export function cosignTags(digest: Digest): readonly string[] {
  return ['sig', 'att', 'sbom'].map((kind) => `${referrersTag(digest)}.${kind}`)
}

/** The tag of a name under which cosign would ask for what refers to this subject; undefined for any other name. */
export function cosignTagOf(name: string, subject: Digest): string | undefined {
  const tag = name.slice(name.lastIndexOf(':') + 1)
  return cosignTags(subject).includes(tag) ? tag : undefined
}

/**
 * A referrer as the cache keeps it: the entry says whose it is, so that it comes and goes with its subject. Its type is what its
 * manifest says, whoever lists it.
 */
export function withSubject(
  { mediaType, digest, size }: Descriptor,
  subject: Digest,
  manifest: ParsedManifest,
): Descriptor {
  const artifactType = artifactTypeOf(manifest)
  const type = artifactType !== undefined && { artifactType }
  return { mediaType, digest, size, ...type, annotations: { [REFERRER_OF]: subject } }
}

/** Whose referrer an entry of the cache is; undefined for what stands for itself. */
export function subjectOf({ annotations }: Descriptor): Digest | undefined {
  const subject = annotations?.[REFERRER_OF]
  return isDigest(subject) ? subject : undefined
}
