import { HearthError, isHearthError } from '../errors.js'
import { adopt, type IndexEntry } from '../log/decide.js'
import type { HeldLog } from '../log/event-log.js'
import type { Head, HearthEvent } from '../log/events.js'
import { logCorrupt } from '../log/record.js'
import { baseFromLog, begunWith, sameHead } from './begun-with.js'
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
  const begun = base
    ? await begunWith(log, theirs, { base, written, ours })
    : await baseFromLog(log, [theirs.head, written])
  return adopt({ base: begun, theirs: theirs.entries, ours })
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

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0)
}
