import { HearthError } from '../errors.js'
import { quote } from './quote.js'

/** The members of a JSON object, not looked at yet. */
export type Fields = Readonly<Record<string, unknown>>

/** The names that hearth reads in one kind of object; see {@link knownFields}. */
export interface KnownFields {
  readonly exact: ReadonlySet<string>
  readonly byFolded: ReadonlyMap<string, string>
}

/** For {@link parseFields}, made once for each kind of object. */
export function knownFields(...names: readonly string[]): KnownFields {
  return { exact: new Set(names), byFolded: new Map(names.map((name) => [fold(name), name])) }
}

/**
 * An object out of a manifest. Unknown members are allowed, but not one that a case-blind reader takes for a known one:
 * to tools written in Go, `Layers` is `layers`, and they would see another image than hearth.
 * @param where what is being read, for the error: `layers[3]`.
 * @throws HearthError MANIFEST_INVALID naming the field.
 */
export function parseFields(value: unknown, where: string, known: KnownFields): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidField(where, 'is not an object')
  if (known.exact.size === 0) return value as Fields
  for (const name of Object.keys(value)) {
    // Nearly every name is right as it is, and folding all of them took a fifth of the time of `ls`.
    const exact = known.exact.has(name) ? undefined : known.byFolded.get(fold(name))
    if (exact !== undefined) throw invalidField(where, `has ${quote(name)} in place of ${quote(exact)}`)
  }
  return value as Fields
}

/** A MANIFEST_INVALID that names the field; `what` continues the sentence: `is not a list`. */
export function invalidField(where: string, what: string): HearthError {
  return new HearthError('MANIFEST_INVALID', `${where} ${what}`, { where })
}

/** As Go's encoding/json compares names: besides the case, U+017F is an s and U+212A a k. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase()
}
