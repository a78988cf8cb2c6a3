import { toFailure } from '../errors.js'
import { contentReader, type ReadContent } from '../inventory/closure.js'
import { entryFinder } from '../inventory/entries.js'
import { inLanes } from '../inventory/lanes.js'
import { findReferrers } from '../inventory/referrers.js'
import type { IndexEntry } from '../log/decide.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Platform } from '../oci/platform.js'
import { withoutUser } from '../oci/without-user.js'
import { PushedBlobs } from './push-blobs.js'
import { type PushImageDeps, pushImage, sumOf } from './push-image.js'
import { pushReferrers } from './push-referrers.js'
import type { PushProgress, PushReport, PushResult } from './push-report.js'
import { targetOf } from './push-target.js'

export interface PushRequest {
  /** As the user wrote them. */
  readonly references: readonly string[]
  /** Where the one reference goes, instead of to the registry in its own name. */
  readonly remoteName?: string
  /** Absent: the image with all its platforms. */
  readonly platform?: Platform
  readonly archTags: boolean
  readonly override: boolean
  /** Also what refers to the images. */
  readonly referrers: boolean
  readonly onProgress: (event: PushProgress) => void
  readonly signal: AbortSignal
}

export interface PushDeps extends Pick<PushImageDeps, 'blobs' | 'registry' | 'turns' | 'leases'> {
  /** What index.json names. */
  readonly entries: readonly IndexEntry[]
}

/** Images at once: what they send goes through the lanes anyway. */
const IMAGES_AT_ONCE = 16

/**
 * Pushes images of the cache as one job: each blob once for each registry, one budget for each host. One image's failure is
 * its own result.
 * @throws HearthError ABORTED
 */
export async function push(request: PushRequest, deps: PushDeps): Promise<PushReport> {
  const { references, signal } = request
  const results = new Map<number, PushResult>()
  const totals = new Totals(request.onProgress)
  const read = contentReader(deps.blobs)
  const pushed = new PushedBlobs(deps.entries, read)
  const find = entryFinder(deps.entries)
  const one = async ([place, requested]: readonly [number, string]): Promise<void> => {
    results.set(place, await pushOne(requested, request, { ...deps, pushed, totals, read, find }))
  }
  try {
    await inLanes(references.entries(), one, { lanes: IMAGES_AT_ONCE, signal })
  } finally {
    await deps.turns.ended()
  }
  return { results: references.flatMap((_, place) => results.get(place) ?? []) }
}

/** What the images of one push share. */
interface Shared extends PushDeps {
  readonly pushed: PushedBlobs
  readonly totals: Totals
  readonly read: ReadContent
  readonly find: (requested: string) => IndexEntry
}

async function pushOne(
  requested: string,
  { remoteName, platform, archTags, override, referrers, signal, onProgress }: PushRequest,
  { entries, totals, read, find, ...parts }: Shared,
): Promise<PushResult> {
  let reference: string | undefined
  try {
    const { reference: image, descriptor: root } = find(requested)
    reference = image
    const to = targetOf(image, remoteName)
    const options = { archTags, override, signal, ...(platform !== undefined && { platform }) }
    const imageDeps: PushImageDeps = {
      ...parts,
      onPlanned: (blobs) => totals.add(image, blobs),
      onBytes: (digest, bytes) => totals.reached(`${image} ${digest}`, bytes),
      onBlob: () => totals.finished(),
      onRetry: (retry) => onProgress({ type: 'push-retry', image, ...retry }),
    }
    const { root: pushed, sent, ...outcome } = await pushImage(root, to, imageDeps, options)
    const held = referrers ? await findReferrers(pushed, entries, read) : []
    const more = await pushReferrers(held, to, imageDeps, options)
    const counts = { referrers: held.length, ...sumOf(sent, more) }
    return { ok: true, requested, reference: image, ...outcome, digest: pushed.digest, ...counts }
  } catch (error) {
    const failure = toFailure(error)
    if (signal.aborted) throw error
    return { ok: false, requested: withoutUser(requested), ...(reference !== undefined && { reference }), failure }
  }
}

/** How far the whole job is. */
class Totals {
  readonly #onProgress: PushRequest['onProgress']
  readonly #reached = new Map<string, number>()
  #blobs = 0
  #totalBlobs = 0
  #bytes = 0
  #totalBytes = 0

  constructor(onProgress: PushRequest['onProgress']) {
    this.#onProgress = onProgress
  }

  add(image: string, blobs: readonly Descriptor[]): void {
    this.#totalBlobs += blobs.length
    this.#totalBytes += blobs.reduce((sum, { size }) => sum + size, 0)
    for (const { digest } of blobs) this.#reached.set(`${image} ${digest}`, 0)
    this.#tell()
  }

  reached(key: string, bytes: number): void {
    this.#bytes += bytes - (this.#reached.get(key) ?? 0)
    this.#reached.set(key, bytes)
    this.#tell()
  }

  finished(): void {
    this.#blobs += 1
    this.#tell()
  }

  #tell(): void {
    const [blobs, totalBlobs, bytes, totalBytes] = [this.#blobs, this.#totalBlobs, this.#bytes, this.#totalBytes]
    this.#onProgress({ type: 'push-progress', blobs, totalBlobs, bytes, totalBytes })
  }
}
