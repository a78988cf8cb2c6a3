import { HearthError, isHearthError, toFailure } from '../errors.js'
import { formatPlatform, type HostPlatform, hostPlatform } from '../oci/platform.js'
import { formatReference, parseReference, type Reference, repositoryName } from '../oci/reference.js'
import type { Environment } from '../options.js'
import type { FailedImage } from '../pull/report.js'
import type { InputFormat } from './input-format.js'
import { mergeWanted } from './merge-wanted.js'
import { type ParsedInput, parseInput } from './parse-input.js'
import type { TagQuery, WantedImage } from './wanted-image.js'

/** What to look at for names of images. */
export interface GatherRequest {
  /** As the user wrote them. */
  readonly references: readonly string[]
  /** Paths; `-` is standard input. */
  readonly files: readonly string[]
  /** Of all files. Default: each one's content decides. */
  readonly format?: InputFormat
  /** Leave what Compose files also say how to build. */
  readonly ignoreBuildable?: boolean
  /** What the user wants of images about which the inputs say nothing. */
  readonly platforms: readonly string[]
  readonly signal: AbortSignal
}

export interface GatherDeps {
  readonly readFile: (file: string, signal: AbortSignal) => Promise<Uint8Array>
  /** Called once for each repository whose tags an input leaves to the registry. */
  readonly tags: (repository: Reference, signal: AbortSignal) => Promise<readonly string[]>
  readonly env: Environment
  readonly host: HostPlatform
}

export interface Gathered {
  /** Each once, in the order of first mention. */
  readonly images: readonly WantedImage[]
  /** Tag lists that could not be had, or in which nothing fits. */
  readonly failures: readonly FailedImage[]
  /** Names that inputs leave because they build what these stand for, and that nothing else asks for. */
  readonly built: readonly string[]
}

/** Pure. What a caller left open: no files, no platforms, no way to stop. */
export function gatherRequest<T extends Partial<GatherRequest>>(
  references: readonly string[],
  options: T,
): T & GatherRequest {
  const { files = [], platforms = [], signal = new AbortController().signal } = options
  return { ...options, references, files, platforms, signal }
}

/**
 * Every image that arguments and files name. Broken input ends the job before anything is asked of a registry.
 * @throws HearthError REFERENCE_INVALID, INPUT_INVALID with the place, ABORTED
 */
export async function gather(request: GatherRequest, deps: GatherDeps): Promise<Gathered> {
  const { references, files, format, ignoreBuildable = false, platforms, signal } = request
  const named = references.map((text): WantedImage => ({ reference: formatReference(parseReference(text)) }))
  const inputs: ParsedInput[] = []
  // One after another: standard input may be named among them, and parsing is no waiting.
  for (const file of files) {
    const bytes = await deps.readFile(file, signal)
    inputs.push(
      await parseInput(bytes, { file, env: deps.env, ignoreBuildable, ...(format !== undefined && { format }) }),
    )
  }
  const answers = await askForTags(
    inputs.flatMap(({ queries }) => queries),
    { deps, signal },
  )
  const all = [...named, ...inputs.flatMap(({ images }) => images), ...answers.images]
  const images = mergeWanted(all, { platforms, ownPlatform: formatPlatform(hostPlatform(deps.host)) })
  const built = new Set(inputs.flatMap((input) => input.built))
  for (const { reference } of images) built.delete(reference)
  return { images, failures: answers.failures, built: [...built] }
}

/** All repositories at once, each once; the requests wait in their hosts' lanes. */
async function askForTags(
  queries: readonly TagQuery[],
  { deps, signal }: { readonly deps: GatherDeps; readonly signal: AbortSignal },
): Promise<Pick<Gathered, 'images' | 'failures'>> {
  const lists = new Map<string, Promise<readonly string[]>>()
  const listOf = ({ repository }: TagQuery): Promise<readonly string[]> => {
    const name = repositoryName(repository)
    const list = lists.get(name) ?? deps.tags(repository, signal)
    lists.set(name, list)
    return list
  }
  const images: WantedImage[][] = []
  const failures: FailedImage[] = []
  const answer = async (query: TagQuery, order: number): Promise<void> => {
    try {
      images[order] = imagesOf(query, await listOf(query))
    } catch (error) {
      if (signal.aborted || !isHearthError(error)) throw error
      const requested = `${repositoryName(query.repository)} (${query.description})`
      failures.push({ ok: false, requested, failure: toFailure(error) })
    }
  }
  await Promise.all(queries.map(answer))
  return { images: images.flat(), failures }
}

/** @throws HearthError MANIFEST_UNKNOWN when nothing fits: whoever wrote the query expected something. */
function imagesOf({ repository, accepts, description, place }: TagQuery, tags: readonly string[]): WantedImage[] {
  const accepted = tags.filter(accepts)
  if (accepted.length > 0) {
    return accepted.map((tag) => ({ reference: formatReference({ ...repository, tag }), place }))
  }
  const name = repositoryName(repository)
  const message = `none of the ${tags.length} tags of ${name} fits: ${description}`
  throw new HearthError('MANIFEST_UNKNOWN', message, { host: repository.registry, step: 'tags' })
}
