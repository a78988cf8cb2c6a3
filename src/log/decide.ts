import type { Descriptor } from '../oci/descriptor.js'
import type { HearthEvent, ReferenceSet } from './events.js'

/** A reference as index.json lists it. */
export type IndexEntry = Pick<ReferenceSet, 'reference' | 'descriptor' | 'platforms' | 'manifests' | 'size'> & {
  readonly pinned?: true
}

export interface Comparison {
  /** What they began with: what we wrote to index.json, last or before that. */
  readonly base: Iterable<IndexEntry>
  /** What stands there now. */
  readonly theirs: Iterable<IndexEntry>
  /** What the log says. */
  readonly ours: Iterable<IndexEntry>
}

/**
 * Pure: the events that bring into the log what other tools did to index.json since we wrote it. Where both sides changed
 * a reference, theirs is taken as the later change, because it is what every other tool sees already, and ours stays in
 * the history; but a removal of theirs never takes away what we have set anew.
 */
export function adopt({ base, theirs, ours }: Comparison): HearthEvent[] {
  const before = byName(base)
  const now = byName(theirs)
  const known = byName(ours)
  const events: HearthEvent[] = []
  for (const [reference, { descriptor }] of now) {
    const own = known.get(reference)
    if (sameDescriptor(descriptor, before.get(reference)?.descriptor) || sameDescriptor(descriptor, own?.descriptor)) {
      continue
    }
    // A changed annotation does not change which blobs are complete.
    const kept = own?.descriptor.digest === descriptor.digest ? own : undefined
    events.push({
      type: 'ReferenceSet',
      reference,
      descriptor,
      platforms: kept?.platforms ?? [],
      ...(kept?.manifests !== undefined && { manifests: kept.manifests }),
      ...(kept?.size !== undefined && { size: kept.size }),
      origin: 'adopted',
    })
  }
  for (const [reference, { descriptor }] of before) {
    const untouched = sameDescriptor(descriptor, known.get(reference)?.descriptor)
    if (!now.has(reference) && untouched) events.push({ type: 'ReferenceRemoved', reference })
  }
  return events
}

function byName(entries: Iterable<IndexEntry>): Map<string, IndexEntry> {
  return new Map(Array.from(entries, (entry) => [entry.reference, entry]))
}

/** Whether they say the same, whatever the order of their fields. */
export function sameDescriptor(a: Descriptor, b: Descriptor | undefined): boolean {
  return b !== undefined && a.digest === b.digest && canonical(a) === canonical(b)
}

/** Tools reorder the fields of JSON as they like. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
