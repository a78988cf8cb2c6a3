/** What other tools began with when they edited index.json: the base of the comparison that finds their edits. */
import { isHearthError } from '../errors.js'
import { type IndexEntry, sameDescriptor } from '../log/decide.js'
import type { HeldLog } from '../log/event-log.js'
import { EMPTY_HEAD, type Head } from '../log/events.js'
import { replay } from '../log/replay.js'
import { type IndexContent, parseIndexFile, renderIndex } from './image-index.js'

export interface Ours {
  /** What we last wrote, and the head for which it accounts. */
  readonly base: readonly IndexEntry[]
  readonly written: Head | undefined
  /** What the log says now. */
  readonly ours: readonly IndexEntry[]
}

/**
 * Most tools take no lock, so one that is slow writes what it made of an older index.json over a newer one: what we have set since
 * it does not know, and has not removed. The record for which theirs accounts tells, if the log has it. If not, theirs accounts for
 * another log, such as the one before a rebuild: then what differs from what we last wrote is taken for their change, but nothing
 * for a removal.
 */
export async function begunWith(
  log: HeldLog,
  { head, entries }: IndexContent,
  { base, written, ours }: Ours,
): Promise<readonly IndexEntry[]> {
  if (head === undefined || sameHead(written, head)) return base
  try {
    const then = await asFarAsNeeded(log, head, { theirs: entries, ours })
    if (then !== undefined) return then
  } catch (error) {
    // An archive that is gone keeps nobody from working: `verify` tells of it.
    if (!isHearthError(error, 'LOG_CORRUPT')) throw error
  }
  const named = new Set(entries.map(({ reference }) => reference))
  return base.filter(({ reference }) => named.has(reference))
}

/**
 * The base when it is damaged or lost: what the log amounted to at the record for which index.json or the damaged base account.
 * When no record is known, because another tool also dropped our annotations, there is none. Then whatever differs in index.json
 * is taken as the later change, as it may be another tool's, and ours stays in the history; but no reference is removed, as those
 * that we have set since are not in there either: a removal by the other tool has to be repeated.
 */
export async function baseFromLog(log: HeldLog, heads: readonly (Head | undefined)[]): Promise<readonly IndexEntry[]> {
  for (const head of heads) {
    const then = head && (await entriesAt(log, head))
    if (then !== undefined) return then
  }
  return []
}

/**
 * The entries at a record without what we have set or removed since, where that makes no difference: a removal never takes away what
 * was set anew. So a long log is read from that record on, and as a whole only where both sides changed a name.
 */
async function asFarAsNeeded(
  log: HeldLog,
  head: Head,
  { theirs, ours }: { readonly theirs: readonly IndexEntry[]; readonly ours: readonly IndexEntry[] },
): Promise<readonly IndexEntry[] | undefined> {
  if (!(await holds(log, head))) return undefined
  const changed = new Set<string>()
  for await (const recorded of log.read(head.position)) {
    if (recorded.type === 'ReferenceSet' || recorded.type === 'ReferenceRemoved') changed.add(recorded.reference)
  }
  const known = new Map(ours.map(({ reference, descriptor }) => [reference, descriptor]))
  const bothChanged = theirs.some(
    ({ reference, descriptor }) => changed.has(reference) && !sameDescriptor(descriptor, known.get(reference)),
  )
  return bothChanged ? await entriesAt(log, head) : ours.filter(({ reference }) => !changed.has(reference))
}

/** What the log amounted to at a record; undefined when it has another one there, or none. */
async function entriesAt(log: HeldLog, head: Head): Promise<readonly IndexEntry[] | undefined> {
  if (!(await holds(log, head))) return undefined
  const { state } = await replay(log.read(0), head.position)
  return parseIndexFile(renderIndex(state.references, state.head))
}

/** Before all of a long log is read for it: any tool can write any position. */
async function holds(log: HeldLog, head: Head): Promise<boolean> {
  if (head.position === 0) return sameHead(head, EMPTY_HEAD)
  for await (const recorded of log.read(head.position - 1)) return sameHead(recorded, head)
  return false
}

export function sameHead(a: Head | undefined, b: Head): boolean {
  return a?.position === b.position && a.checksum === b.checksum
}
