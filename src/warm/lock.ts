import { isHearthError, toFailure } from '../errors.js'
import { inLanes } from '../inventory/lanes.js'
import type { Descriptor } from '../oci/descriptor.js'
import { parseManifest } from '../oci/manifest.js'
import { isIndexType } from '../oci/media-type.js'
import { rankPlatforms } from '../oci/platform.js'
import { parseReference } from '../oci/reference.js'
import { type PlannedManifest, platformName, platformUnknown, type WantedPlatforms } from '../pull/plan.js'
import { parseWanted } from '../pull/platforms.js'
import { fetchManifest, walkManifests } from '../pull/read-image.js'
import type { FailedImage } from '../pull/report.js'
import type { Requests } from '../pull/requests.js'
import { compareLocks } from './compare-locks.js'
import { type GatherDeps, type GatherRequest, gather } from './gather.js'
import { formatLock, imagesOfLock, type Lock, type LockedImage, type LockedPlatform } from './lock-file.js'
import { parseLock } from './parse-input.js'
import type { LockReport } from './reports.js'
import type { WantedImage } from './wanted-image.js'

const IMAGES_AT_ONCE = 64

export interface LockRequest extends GatherRequest {
  /** Where the lock is written. Without it, the report is all there is. */
  readonly output?: string
  /** Compare with what `output` holds; without other inputs, resolve its names anew. */
  readonly update: boolean
}

export interface LockDeps extends GatherDeps {
  readonly requests: Requests
  /** Undefined when there is no such file. */
  readonly readIfThere: (file: string, signal: AbortSignal) => Promise<Uint8Array | undefined>
  /** Atomic and durable. */
  readonly writeFile: (file: string, text: string) => Promise<void>
}

/**
 * Asks the registries what every name stands for now, and writes it down. Nothing is written when a name fails. Platforms:
 * those that the user or an input names, else all of the index.
 * @throws HearthError INPUT_INVALID, REFERENCE_INVALID, STORE_… when the file cannot be written, ABORTED
 */
export async function lock(request: LockRequest, deps: LockDeps): Promise<LockReport> {
  const { output, update, references, files } = request
  const before = update && output !== undefined ? await readBefore(output, request, deps) : emptyLock()
  const gathered = await gather(request, deps)
  const itself = update && references.length + files.length === 0
  const images = itself ? imagesOfLock(before) : gathered.images
  const { lock: resolved, failures } = await resolveAll(images, request, deps)
  const all = [...gathered.failures, ...failures]
  const changes = update ? compareLocks(before, resolved) : []
  const text = formatLock(resolved)
  const report = { lock: resolved, text, changes, failures: all }
  if (output === undefined || all.length > 0) return report
  // The same text again would only change the file's time, and start whatever watches it.
  if (!update || formatLock(before) !== text) await deps.writeFile(output, text)
  return { ...report, written: output }
}

async function readBefore(file: string, { signal }: LockRequest, deps: LockDeps): Promise<Lock> {
  const bytes = await deps.readIfThere(file, signal)
  return bytes === undefined ? emptyLock() : parseLock(bytes, file)
}

async function resolveAll(
  images: readonly WantedImage[],
  { platforms, signal }: LockRequest,
  deps: LockDeps,
): Promise<{ readonly lock: Lock; readonly failures: readonly FailedImage[] }> {
  const locked = new Map<string, LockedImage>()
  const failures: FailedImage[] = []
  const lockOne = async ({ reference, platforms: own = platforms }: WantedImage): Promise<void> => {
    try {
      const wanted = own.length === 0 ? 'all' : parseWanted(own, deps.host)
      locked.set(reference, await resolveOne(reference, { wanted, signal }, deps))
    } catch (error) {
      if (signal.aborted || !isHearthError(error)) throw error
      failures.push({ ok: false, requested: reference, reference, failure: toFailure(error) })
    }
  }
  await inLanes(images, lockOne, { lanes: IMAGES_AT_ONCE, signal })
  return { lock: { version: 1, images: Object.fromEntries([...locked].sort()) }, failures }
}

/** The root, and of indexes within indexes each one: what stands for a platform is listed there, and not asked for. */
async function resolveOne(
  text: string,
  { wanted, signal }: { readonly wanted: WantedPlatforms; readonly signal: AbortSignal },
  { requests }: LockDeps,
): Promise<LockedImage> {
  const reference = parseReference(text)
  const fetched = await requests.manifest(reference, undefined, signal)
  const resolution = { root: fetched.descriptor, fetched }
  const { found } = await walkManifests(reference, resolution.root, {
    select: ({ manifests }) => manifests.filter(({ mediaType }) => isIndexType(mediaType)),
    read: (level) =>
      Promise.all(
        level.map(async (descriptor) => {
          const options = { resolution, offline: false, signal }
          const { bytes } = await fetchManifest(reference, descriptor, options, { requests })
          return { descriptor, parsed: parseManifest(bytes, descriptor.mediaType) }
        }),
      ),
  })
  const { digest, mediaType, size } = resolution.root
  return { digest, mediaType, size, platforms: platformsIn(found, wanted) }
}

/** Pure. An index without a word on platforms has nothing to choose from, and neither has a plain image. */
function platformsIn(found: readonly PlannedManifest[], wanted: WantedPlatforms): Record<string, LockedPlatform> {
  const children = found.flatMap(({ parsed }) => (parsed.kind === 'index' ? parsed.manifests : []))
  const candidates = children.filter(
    ({ mediaType, platform }) => platform !== undefined && platform.os !== 'unknown' && !isIndexType(mediaType),
  )
  const chosen = new Map<string, LockedPlatform>()
  const choose = ({ platform, digest, size }: Descriptor): void => {
    if (platform === undefined || chosen.has(platformName(platform))) return
    chosen.set(platformName(platform), { digest, size })
  }
  if (wanted === 'all') for (const candidate of candidates) choose(candidate)
  else if (candidates.length > 0) {
    for (const platform of wanted) {
      const [best] = rankPlatforms(platform, candidates)
      if (best === undefined) throw platformUnknown(platform, candidates)
      choose(best)
    }
  }
  return Object.fromEntries([...chosen].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function emptyLock(): Lock {
  return { version: 1, images: {} }
}
