import { HearthError, isHearthError } from '../errors.js'
import { adopt, type IndexEntry } from '../log/decide.js'
import type { HeldLog } from '../log/event-log.js'
import { EMPTY_HEAD, type Head, type HearthEvent } from '../log/events.js'
import { logCorrupt } from '../log/record.js'
import { replay } from '../log/replay.js'
import { type IndexContent, parseIndex, parseIndexFile, renderedHead, renderIndex } from './image-index.js'
import type { IndexFile } from './index-file.js'

/**
 * Brings index.json to the state of the log, after bringing into the log what other tools did to index.json since the
 * last time. Idempotent; may be stopped at any point and run again. Runs within a hold of the log, so that a slower
 * process cannot put an older state over a newer one.
 * @returns the head that index.json accounts for.
 * @throws HearthError LAYOUT_INVALID when index.json is not to be understood, and leaves it as it is; LOG_CORRUPT when it
 *   is ahead of the log; STORE_BUSY when another tool keeps it locked.
 */
export async function materialise(log: HeldLog, file: IndexFile): Promise<Head> {
  return file.exclusively(async (open) => {
    const current = await open.current()
    const base = await open.base()
    await log.append(await editsOf(log, current, base))
    const bytes = renderIndex(await log.references(), log.head, await log.pins())
    if (!sameBytes(current, bytes) || !sameBytes(base, bytes)) await open.replace(bytes)
    return log.head
  })
}

/**
 * What {@link materialise} would record first: what other tools did to index.json since the last time. For looking only: takes no
 * lock and writes nothing.
 * @throws HearthError LAYOUT_INVALID, LOG_CORRUPT, as above.
 */
export async function pendingEdits(log: HeldLog, file: IndexFile): Promise<readonly HearthEvent[]> {
  const base = await file.lastWritten()
  return await editsOf(log, await file.read(), base)
}

/** An index.json that is gone was not edited but lost: it is written again from the log, and no reference is removed. */
async function editsOf(
  log: HeldLog,
  current: Uint8Array | undefined,
  lastWritten: Uint8Array | undefined,
): Promise<readonly HearthEvent[]> {
  const written = lastWritten && renderedHead(lastWritten)
  if (current === undefined || sameBytes(current, lastWritten)) {
    checkNotAhead(log.head, written)
    return []
  }
  const theirs = parseTheirs(current, lastWritten)
  // Without a base this log never wrote an index.json, or the base was lost: a head in it may be another log's, as after a rebuild.
  // A lost base alone loses no reference: what index.json and the log have is united below. Only where the log has lost its end
  // besides does this take index.json over without LOG_CORRUPT; `verify` still says so before the next change.
  if (lastWritten !== undefined) checkNotAhead(log.head, theirs.head)
  const ours = parseIndexFile(renderIndex(await log.references(), log.head))
  // All edits are younger than the log: whatever the base says besides is damage.
  if (sameHead(theirs.head, log.head)) return adopt({ base: ours, theirs: theirs.entries, ours })
  checkNotAhead(log.head, written)
  const base = lastWritten && parseBase(lastWritten)
  const begun = base ? await begunWith(log, theirs, { base, written }) : await baseFromLog(log, [theirs.head, written])
  return adopt({ base: begun, theirs: theirs.entries, ours })
}

/**
 * What the tool began with. Most take no lock, so one that is slow writes what it made of an older index.json over a newer one: what
 * we have set since it does not know, and has not removed. The record for which theirs accounts tells, if the log has it. If not,
 * theirs accounts for another log, such as the one before a rebuild: then what differs from what we last wrote is taken for their
 * change, but nothing for a removal.
 */
async function begunWith(
  log: HeldLog,
  { head, entries }: IndexContent,
  { base, written }: { readonly base: readonly IndexEntry[]; readonly written: Head | undefined },
): Promise<readonly IndexEntry[]> {
  if (head === undefined || sameHead(written, head)) return base
  try {
    const then = await entriesAt(log, head)
    if (then !== undefined) return then
  } catch (error) {
    // An archive that is gone keeps nobody from working: `verify` tells of it.
    if (!isHearthError(error, 'LOG_CORRUPT')) throw error
  }
  const named = new Set(entries.map(({ reference }) => reference))
  return base.filter(({ reference }) => named.has(reference))
}

function parseBase(lastWritten: Uint8Array): readonly IndexEntry[] | undefined {
  try {
    const { head, entries } = parseIndex(lastWritten)
    return head && entries
  } catch (error) {
    if (isHearthError(error, 'LAYOUT_INVALID')) return undefined
    throw error
  }
}

/**
 * The base when it is damaged or lost: what the log amounted to at the record for which index.json or the damaged base account.
 * When no record is known, because another tool also dropped our annotations, there is none. Then whatever differs in index.json
 * is taken as the later change, as it may be another tool's, and ours stays in the history; but no reference is removed, as those
 * that we have set since are not in there either: a removal by the other tool has to be repeated.
 */
async function baseFromLog(log: HeldLog, heads: readonly (Head | undefined)[]): Promise<readonly IndexEntry[]> {
  for (const head of heads) {
    const then = head && (await entriesAt(log, head))
    if (then !== undefined) return then
  }
  return []
}

/** What the log amounted to at a record; undefined when it has another one there, or none. */
async function entriesAt(log: HeldLog, head: Head): Promise<readonly IndexEntry[] | undefined> {
  const { position } = head
  if (position > log.head.position || !(await holds(log, head))) return undefined
  const { state } = await replay(log.read(0), position)
  return parseIndexFile(renderIndex(state.references, state.head))
}

/** Before all of a long log is read for it: any tool can write any position. */
async function holds(log: HeldLog, head: Head): Promise<boolean> {
  if (head.position === 0) return sameHead(head, EMPTY_HEAD)
  for await (const recorded of log.read(head.position - 1)) return sameHead(recorded, head)
  return false
}

function parseTheirs(current: Uint8Array, lastWritten: Uint8Array | undefined): IndexContent {
  try {
    return parseIndex(current)
  } catch (error) {
    // Only a cache that has written one before can write it again.
    if (lastWritten === undefined || !isHearthError(error, 'LAYOUT_INVALID')) throw error
    const message = `${error.message}; remove it, and it is written again from the log`
    throw new HearthError('LAYOUT_INVALID', message, error.details, error)
  }
}

/** index.json is the second copy of the head: if it knows more than the log, acknowledged events were lost. */
function checkNotAhead(head: Head, written: Head | undefined): void {
  if (written === undefined || written.position < head.position || sameHead(written, head)) return
  throw logCorrupt(`index.json accounts for record ${written.position}, the log ends with ${head.position}`, {
    position: head.position,
    written: written.position,
  })
}

function sameHead(a: Head | undefined, b: Head): boolean {
  return a?.position === b.position && a.checksum === b.checksum
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0)
}
