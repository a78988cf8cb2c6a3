import { inputInvalid } from './place.js'
import type { WantedImage } from './wanted-image.js'

/** What a job wants where an input says nothing. */
export interface MergeDefaults {
  /** As the user named them; may be empty. */
  readonly platforms: readonly string[]
  /** What none named means: the machine's own. */
  readonly ownPlatform: string
}

/**
 * Pure. Each image once, in the order of first mention, with the platforms of all mentions together.
 * @throws HearthError INPUT_INVALID when two locks pin one name to different digests.
 */
export function mergeWanted(images: readonly WantedImage[], defaults: MergeDefaults): WantedImage[] {
  const merged = new Map<string, WantedImage>()
  for (const image of images) {
    const before = merged.get(image.reference)
    merged.set(image.reference, before === undefined ? image : unite(before, image, defaults))
  }
  return [...merged.values()]
}

function unite(a: WantedImage, b: WantedImage, defaults: MergeDefaults): WantedImage {
  const digest = a.digest ?? b.digest
  if (b.digest !== undefined && b.digest !== digest) {
    const place = b.place ?? { file: 'lock', line: 1, column: 1 }
    throw inputInvalid(place, `${b.reference} is locked to ${b.digest}, and elsewhere to ${digest}`)
  }
  const platforms = unitePlatforms(a.platforms, b.platforms, defaults)
  const { platforms: _, ...rest } = a
  return { ...rest, ...(digest !== undefined && { digest }), ...(platforms !== undefined && { platforms }) }
}

/** Of two mentions without a word on platforms, none is needed now either. */
function unitePlatforms(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
  { platforms, ownPlatform }: MergeDefaults,
): readonly string[] | undefined {
  if (a === undefined && b === undefined) return undefined
  const unsaid = platforms.length > 0 ? platforms : [ownPlatform]
  const united = new Set([...(a ?? unsaid), ...(b ?? unsaid)])
  return united.has('all') ? ['all'] : [...united]
}
