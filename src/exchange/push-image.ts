import type { BlobStore, Leases } from '../blobs/blob-store.js'
import { type Failure, HearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { MAX_MANIFEST_BYTES } from '../oci/manifest.js'
import type { Platform } from '../oci/platform.js'
import { formatReference, type Reference, repositoryName } from '../oci/reference.js'
import type { Turns } from '../pull/turns.js'
import type { Registry } from '../registry/registry.js'
import type { PublishAnswer } from '../registry/uploads.js'
import type { PushedBlobs } from './push-blobs.js'
import { type PushPlan, planPush } from './push-plan.js'
import type { PushedImage } from './push-report.js'
import { namesOf, type PushedName } from './push-target.js'
import { type BlobOutcome, BlobUploader } from './upload-blob.js'

export interface PushImageDeps {
  readonly blobs: Pick<BlobStore, 'read' | 'stat' | 'stream'>
  readonly registry: Pick<Registry, 'uploads' | 'manifest'>
  readonly turns: Turns
  readonly pushed: PushedBlobs
  /** As of `PlanExportDeps`. */
  readonly leases?: Pick<Leases, 'lease'>
  readonly onPlanned: (blobs: readonly Descriptor[]) => void
  readonly onBytes: (digest: Digest, bytes: number) => void
  readonly onBlob: () => void
  readonly onRetry: (retry: {
    readonly digest?: Digest
    readonly attempt: number
    readonly delayMs: number
    readonly failure: Failure
  }) => void
}

export interface PushImageOptions {
  /** This one alone, as a plain image. */
  readonly platform?: Platform
  readonly archTags: boolean
  /** A name that stands for another image is given to this one. */
  readonly override: boolean
  readonly signal: AbortSignal
}

/** An attempt that got this far was not fruitless. */
const PROGRESS_BYTES = 1024 * 1024

/**
 * Pushes one image: what the registry lacks, children before parents, its names last. Whoever sees a name sees all of it.
 * @throws HearthError REFERENCE_EXISTS before anything is sent; as `planPush`; whatever the registry answers.
 */
export async function pushImage(
  root: Descriptor,
  to: Reference,
  deps: PushImageDeps,
  options: PushImageOptions,
): Promise<PushOutcome> {
  const { signal } = options
  const plan = await planPush(root, options.platform, { ...deps, signal })
  const names = namesOf(to, plan.root, options.archTags ? plan.platforms : new Map())
  const missing = await namesToSet(to, names, deps, options)
  const sent = missing.length === 0 ? NOTHING : await pushContent(to, plan, deps, signal)
  // Pushing may have taken an hour, in which somebody else set them.
  for (const name of missing.length === 0 ? [] : await namesToSet(to, missing, deps, options)) {
    await publish(to, name, deps, signal)
  }
  const target = { ...to, ...(to.tag === undefined && { digest: plan.root.digest }) }
  const tags = to.tag === undefined ? [] : names.slice(0, -1).map(({ name }) => `${repositoryName(to)}:${name}`)
  return { remote: formatReference(target), root: plan.root, tags, sent, changed: missing.length > 0 }
}

export interface PushOutcome extends Pick<PushedImage, 'remote' | 'tags' | 'changed'> {
  /** What the name stands for now. */
  readonly root: Descriptor
  readonly sent: Sent
}

export type Sent = Pick<PushedImage, 'uploadedBlobs' | 'uploadedBytes' | 'mountedBlobs' | 'presentBlobs'>

export const NOTHING: Sent = { uploadedBlobs: 0, uploadedBytes: 0, mountedBlobs: 0, presentBlobs: 0 }

export function sumOf(a: Sent, b: Sent): Sent {
  return {
    uploadedBlobs: a.uploadedBlobs + b.uploadedBlobs,
    uploadedBytes: a.uploadedBytes + b.uploadedBytes,
    mountedBlobs: a.mountedBlobs + b.mountedBlobs,
    presentBlobs: a.presentBlobs + b.presentBlobs,
  }
}

/** The names that do not stand for this image yet. @throws HearthError REFERENCE_EXISTS for one that stands for another. */
export async function namesToSet(
  to: Reference,
  names: readonly PushedName[],
  deps: PushImageDeps,
  { override, signal }: Pick<PushImageOptions, 'override' | 'signal'>,
): Promise<readonly PushedName[]> {
  const missing: PushedName[] = []
  for (const { name, descriptor } of names) {
    const current = await inTurn(to, deps, signal, (own) => deps.registry.uploads.current(to, name, { signal: own }))
    if (current?.digest === descriptor.digest) continue
    if (current !== undefined && !override)
      throw exists(to, name, { expected: descriptor.digest, actual: current.digest })
    missing.push({ name, descriptor })
  }
  return missing
}

function exists(
  to: Reference,
  name: string,
  digests: { readonly expected: Digest; readonly actual: Digest },
): HearthError {
  const reference = `${repositoryName(to)}:${name}`
  const message = `${reference} is another image in the registry; --override replaces it`
  return new HearthError('REFERENCE_EXISTS', message, { reference, ...digests })
}

/** Blobs first, all at once as far as the lane lets them; then manifests, each after what it points at. */
export async function pushContent(
  to: Reference,
  plan: PushPlan,
  deps: PushImageDeps,
  signal: AbortSignal,
): Promise<Sent> {
  deps.onPlanned(plan.leaves)
  const others = new AbortController()
  const linked = AbortSignal.any([signal, others.signal])
  const outcomes = await Promise.allSettled(
    plan.leaves.map(async (blob) => {
      try {
        return { blob, outcome: await pushBlob(to, blob, deps, linked) }
      } catch (error) {
        others.abort()
        throw error
      }
    }),
  )
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
  if (failed.length > 0) throw causeOf(failed.map(({ reason }) => reason))
  const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  for (const descriptor of plan.manifests.slice(0, -1)) {
    await publish(to, { name: descriptor.digest, descriptor }, deps, signal)
  }
  const count = (wanted: BlobOutcome) => done.filter(({ outcome }) => outcome === wanted)
  return {
    uploadedBlobs: count('uploaded').length,
    uploadedBytes: count('uploaded').reduce((sum, { blob }) => sum + blob.size, 0),
    mountedBlobs: count('mounted').length,
    presentBlobs: count('present').length,
  }
}

/** The first failure that is no consequence of another one. */
function causeOf(reasons: readonly unknown[]): unknown {
  return reasons.find((reason) => toFailure(reason).code !== 'ABORTED') ?? reasons[0]
}

async function pushBlob(
  to: Reference,
  blob: Descriptor,
  deps: PushImageDeps,
  signal: AbortSignal,
): Promise<BlobOutcome> {
  const { digest } = blob
  const mountFrom = () => deps.pushed.elsewhere(to, digest)
  const onBytes = (bytes: number) => deps.onBytes(digest, bytes)
  const outcome = await deps.pushed.once(to, digest, async () => {
    const { blobs, registry } = deps
    const uploader = new BlobUploader({ to, blob, mountFrom, onBytes }, { blobs, uploads: registry.uploads })
    let furthest = 0
    const progressed = (): boolean => {
      const did = uploader.confirmed - furthest >= PROGRESS_BYTES
      furthest = Math.max(furthest, uploader.confirmed)
      return did
    }
    const turn = { host: to.registry, progressed, onRetry: retryOf(deps, digest) }
    return await deps.turns.take(turn, (own) => uploader.attempt(own), signal)
  })
  deps.onBytes(digest, blob.size)
  deps.onBlob()
  return outcome
}

export async function publish(
  to: Reference,
  { name, descriptor }: PushedName,
  deps: PushImageDeps,
  signal: AbortSignal,
): Promise<PublishAnswer> {
  const bytes = await deps.blobs.read(descriptor.digest, { maxBytes: MAX_MANIFEST_BYTES })
  const manifest = { mediaType: descriptor.mediaType, bytes }
  return await inTurn(to, deps, signal, (own) => deps.registry.uploads.publish(to, name, { manifest, signal: own }))
}

export function inTurn<T>(
  { registry }: Reference,
  deps: PushImageDeps,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return deps.turns.take({ host: registry, onRetry: retryOf(deps) }, ask, signal)
}

function retryOf({ onRetry }: PushImageDeps, digest?: Digest) {
  return ({ attempt, delayMs, error }: { attempt: number; delayMs: number; error: HearthError }): void =>
    onRetry({ ...(digest !== undefined && { digest }), attempt, delayMs, failure: toFailure(error) })
}
