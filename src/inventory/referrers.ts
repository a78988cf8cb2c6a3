import type { IndexEntry } from '../log/decide.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { subjectOf } from '../oci/referrer.js'
import { type Closure, closureOf, type ReadContent } from './closure.js'
import { doubtOf, type RemovalView } from './removal-plan.js'

/** An entry of the cache that refers to an image, or to another one that does. */
export interface HeldReferrer {
  /** As the cache names it. */
  readonly reference: string
  readonly descriptor: Descriptor
  readonly subject: Digest
}

/**
 * What in the cache refers to an image: to its root or any manifest of it, and to what refers to those; subjects before what
 * refers to them. Export, push and inspect take them along.
 * @param entries of index.json.
 */
export async function findReferrers(
  root: Descriptor,
  entries: readonly IndexEntry[],
  read: ReadContent,
): Promise<readonly HeldReferrer[]> {
  const { digests } = await closureOf(root, read)
  const all: HeldReferrer[] = []
  for (const { reference, descriptor } of entries) {
    const subject = subjectOf(descriptor) ?? (isUnnamed(reference) ? await subjectIn(descriptor, read) : undefined)
    if (subject !== undefined) all.push({ reference, descriptor, subject })
  }
  return referrersOf(digests, all)
}

/** Pure: those that refer to one of these digests, or to one of those found. */
function referrersOf(digests: ReadonlySet<Digest>, all: readonly HeldReferrer[]): readonly HeldReferrer[] {
  const found = new Map<string, HeldReferrer>()
  const subjects = new Set(digests)
  for (let before = -1; before < found.size; ) {
    before = found.size
    for (const referrer of all) {
      if (!subjects.has(referrer.subject) || found.has(referrer.reference)) continue
      found.set(referrer.reference, referrer)
      subjects.add(referrer.descriptor.digest)
    }
  }
  return [...found.values()]
}

type Known = Pick<RemovalView, 'snapshot' | 'closures' | 'leased'>

/**
 * Pure: the names that go when these do: also what refers to their images, or to one that lost its last name earlier, as when its
 * tag moved, and to nothing that stays. What refers to an image that is not here was wanted for itself, and stays. A name that a user
 * gave goes with nobody, nor does what is pinned itself.
 */
export function withReferrers(names: ReadonlySet<string>, known: Known): ReadonlySet<string> {
  const { pins } = known.snapshot
  const all = referrersIn(known).filter(({ reference }) => !names.has(reference) && !pins.has(reference))
  if (all.length === 0) return names
  const ofThese = digestsOf(known, (name) => names.has(name))
  const going = namesOf(referrersOf(new Set([...ofThese, ...subjectsHere(all, names, known)]), all))
  const staying = digestsOf(known, (name) => !names.has(name) && !going.has(name))
  const kept = namesOf(referrersOf(staying, all))
  return new Set([...names, ...[...going].filter((name) => !kept.has(name))])
}

/**
 * Subjects that are in the cache, needed or not, and that no running pull counts on. None where it cannot be told what is needed:
 * no blob goes then.
 */
function subjectsHere(
  all: readonly HeldReferrer[],
  names: ReadonlySet<string>,
  { snapshot, closures, leased }: Known,
): readonly Digest[] {
  const here = all
    .map(({ subject }) => subject)
    .filter((subject) => snapshot.blobs.has(subject) && !leased.has(subject))
  const isInDoubt = ([name, closure]: readonly [string, Closure]): boolean =>
    !names.has(name) && doubtOf(name, closure, snapshot) !== undefined
  return here.length === 0 || [...closures].some(isInDoubt) ? [] : here
}

/** Pure: those of the names that refer to nothing that stays. For names that nobody gave. */
export function withoutReferrersOfOthers(names: ReadonlySet<string>, known: Known): ReadonlySet<string> {
  const staying = digestsOf(known, (name) => !names.has(name))
  const kept = namesOf(referrersOf(staying, referrersIn(known)))
  return new Set([...names].filter((name) => !kept.has(name)))
}

function referrersIn({ snapshot, closures }: Known): readonly HeldReferrer[] {
  return [...snapshot.references].flatMap(([reference, { descriptor }]) => {
    const subject = subjectOf(descriptor) ?? (isUnnamed(reference) ? closures.get(reference)?.subject : undefined)
    return subject === undefined ? [] : [{ reference, descriptor, subject }]
  })
}

function namesOf(referrers: readonly HeldReferrer[]): ReadonlySet<string> {
  return new Set(referrers.map(({ reference }) => reference))
}

function digestsOf({ closures }: Known, wanted: (name: string) => boolean): ReadonlySet<Digest> {
  return new Set([...closures].flatMap(([name, { digests }]) => (wanted(name) ? [...digests] : [])))
}

/** Other tools write referrers without a name. */
function isUnnamed(reference: string): boolean {
  return reference.startsWith('@')
}

async function subjectIn(descriptor: Descriptor, read: ReadContent): Promise<Digest | undefined> {
  const content = await read(descriptor)
  return content.state === 'read' && content.parsed.kind !== 'opaque' ? content.parsed.subject?.digest : undefined
}
