import { isHearthError } from '../errors.js'
import type { Digest } from '../oci/digest.js'
import { formatPlatform, parsePlatform } from '../oci/platform.js'
import { formatReference, parseReference, type Reference } from '../oci/reference.js'
import type { Environment } from '../options.js'
import type { LocatedText } from './located.js'
import { inputInvalid, type Place } from './place.js'

/** An image that an input asks for. */
export interface WantedImage {
  /** Canonical. */
  readonly reference: string
  /** What the input says about this image alone; without it, what the job as a whole wants. */
  readonly platforms?: readonly string[]
  /** What the reference has to stand for: a lock says so. */
  readonly digest?: Digest
  /** Absent for an argument of the command line. */
  readonly place?: Place
}

/** Tags that only the registry's list can tell. */
export interface TagQuery {
  /** Its tag means nothing. */
  readonly repository: Reference
  /** For messages: `images-by-semver ">= 3.12"`. */
  readonly description: string
  readonly accepts: (tag: string) => boolean
  readonly place: Place
}

/** What the reader of each format may need besides the document. */
export interface FormatOptions {
  readonly file: string
  /** For formats that speak of variables. */
  readonly env: Environment
  /** Leave images that the file also says how to build. */
  readonly ignoreBuildable?: boolean
}

/**
 * An image's name and platforms as they stand in an input.
 * @throws HearthError INPUT_INVALID with the place of what is no reference, or no platform.
 */
export function wantImage({ text, place }: LocatedText, platforms: readonly LocatedText[] = []): WantedImage {
  const reference = at(place, () => formatReference(parseReference(text)))
  const named = platforms.map((platform) => readPlatform(platform))
  return { reference, place, ...(named.length > 0 && { platforms: named }) }
}

function readPlatform({ text, place }: LocatedText): string {
  return text === 'all' ? text : at(place, () => formatPlatform(parsePlatform(text)))
}

/** What a reader finds; nothing where it meets something that it cannot read. */
export function ifReadable(read: () => WantedImage[]): WantedImage[] {
  try {
    return read()
  } catch (error) {
    if (isHearthError(error, 'INPUT_INVALID')) return []
    throw error
  }
}

/** Runs a parser; what it refuses is an invalid input at that place. @throws HearthError INPUT_INVALID */
export function at<T>(place: Place, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (isHearthError(error)) throw inputInvalid(place, error.message, error)
    throw error
  }
}
