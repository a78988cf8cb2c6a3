import { type Failure, HearthError, isHearthError, toFailure } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { quote } from '../oci/quote.js'
import { formatReference, type Reference, referenceIn, repositoryName } from '../oci/reference.js'
import { withoutUser } from '../oci/without-user.js'

/** Stored names, each with the digest of its root. */
export type StoredNames = ReadonlyMap<string, Digest>

const SHOWN_MATCHES = 3
const IN_CACHE = 'in the cache'

/**
 * The stored name that a user's text means: exactly that name (as `list` prints it, also `@<digest>` of an unnamed
 * image), else the full name that it stands for, else, for `name@digest`, an image of that name with that digest.
 * @throws HearthError REFERENCE_UNKNOWN naming similar ones.
 */
export function findReference(text: string, stored: StoredNames, where = IN_CACHE): string {
  if (stored.has(text)) return text
  // A text that is no reference may still be a name that another tool wrote, so it is unknown rather than invalid.
  const wanted = referenceIn(text)
  const found = wanted && (canonicalMatch(wanted, stored) ?? digestMatch(wanted, stored))
  if (found !== undefined) return found
  const similar = similarNames(text, wanted, stored).map((name) => quote(name))
  throw unknown(quote(withoutUser(text)), similar.join(', '), where)
}

export interface FoundReferences {
  /** Names as they are stored, each once. */
  readonly found: ReadonlySet<string>
  readonly unknown: readonly { readonly reference: string; readonly failure: Failure }[]
}

/**
 * As {@link findReference}, for several texts: one that means nothing here does not stop the others.
 * @param where what an error calls the place that the names are of.
 */
export function findReferences(
  texts: Iterable<string>,
  references: ReadonlyMap<string, { readonly descriptor: Descriptor }>,
  where = IN_CACHE,
): FoundReferences {
  const stored = new Map([...references].map(([name, { descriptor }]) => [name, descriptor.digest]))
  const found = new Set<string>()
  const unknown: FoundReferences['unknown'][number][] = []
  for (const text of texts) {
    try {
      found.add(findReference(text, stored, where))
    } catch (error) {
      if (!isHearthError(error, 'REFERENCE_UNKNOWN')) throw error
      unknown.push({ reference: withoutUser(text), failure: toFailure(error) })
    }
  }
  return { found, unknown }
}

function canonicalMatch(wanted: Reference, stored: StoredNames): string | undefined {
  const name = formatReference(wanted)
  return stored.has(name) ? name : undefined
}

/** `redis@sha256:…` is any tag of redis with that root; `redis:7@sha256:…` only the tag 7 while it has that root. */
function digestMatch(wanted: Reference, stored: StoredNames): string | undefined {
  if (wanted.digest === undefined) return undefined
  const repository = repositoryName(wanted)
  const prefix = wanted.tag === undefined ? `${repository}:` : `${repository}:${wanted.tag}`
  const matches = [...stored].filter(([name, digest]) => {
    return digest === wanted.digest && (wanted.tag === undefined ? name.startsWith(prefix) : name === prefix)
  })
  return matches.map(([name]) => name).sort()[0]
}

/** The same repository's other tags first, then names that share the last component: `redis` for `mirror/redis`. */
function similarNames(text: string, wanted: Reference | undefined, stored: StoredNames): string[] {
  const repository = wanted && repositoryName(wanted)
  const last = (wanted?.repository ?? text).split('/').at(-1)?.toLowerCase() ?? ''
  const rank = (name: string): number => {
    if (repository !== undefined && (name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`))) return 0
    return last !== '' && name.toLowerCase().includes(last) ? 1 : 2
  }
  return [...stored.keys()]
    .map((name) => ({ name, rank: rank(name) }))
    .filter(({ rank }) => rank < 2)
    .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    .slice(0, SHOWN_MATCHES)
    .map(({ name }) => name)
}

function unknown(reference: string, similar: string, where: string): HearthError {
  const message = `not ${where}: ${reference}`
  if (similar === '') return new HearthError('REFERENCE_UNKNOWN', message, { reference })
  return new HearthError('REFERENCE_UNKNOWN', `${message}; similar: ${similar}`, { reference, similar })
}
