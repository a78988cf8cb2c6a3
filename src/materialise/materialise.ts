import { HearthError, isHearthError } from '../errors.js'
import { adopt } from '../log/decide.js'
import type { HeldLog } from '../log/event-log.js'
import type { Head, HearthEvent } from '../log/events.js'
import { logCorrupt } from '../log/record.js'
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
  base: Uint8Array | undefined,
): Promise<readonly HearthEvent[]> {
  if (base !== undefined) checkNotAhead(log.head, renderedHead(base))
  if (current === undefined || sameBytes(current, base)) return []
  const theirs = parseTheirs(current, base)
  // Without a base this log never wrote an index.json: a head in it is another log's.
  if (base !== undefined) checkNotAhead(log.head, theirs.head)
  const ours = parseIndexFile(renderIndex(await log.references(), log.head))
  return adopt({ base: base === undefined ? [] : parseIndexFile(base), theirs: theirs.entries, ours })
}

function parseTheirs(current: Uint8Array, base: Uint8Array | undefined): IndexContent {
  try {
    return parseIndex(current)
  } catch (error) {
    // Only a cache that has written one before can write it again.
    if (base === undefined || !isHearthError(error, 'LAYOUT_INVALID')) throw error
    const message = `${error.message}; remove it, and it is written again from the log`
    throw new HearthError('LAYOUT_INVALID', message, error.details, error)
  }
}

/** index.json is the second copy of the head: if it knows more than the log, acknowledged events were lost. */
function checkNotAhead(head: Head, written: Head | undefined): void {
  if (written === undefined || written.position < head.position) return
  if (written.position === head.position && written.checksum === head.checksum) return
  throw logCorrupt(`index.json accounts for record ${written.position}, the log ends with ${head.position}`, {
    position: head.position,
    written: written.position,
  })
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0)
}
