import type { Head, Recorded } from './events.js'
import type { Database } from './level-database.js'
import { recordKey, type Summary, tableRange } from './level-format.js'
import { checkFollows, headOf, logCorrupt } from './record.js'
import { decodeRecord } from './upcast.js'

/**
 * Records verified when a process opens the log for the first time: about 10 ms. LevelDB cuts a torn tail by itself, and
 * a cut tail takes its heads along, since both stand in one batch; whatever else is missing or changed is damage.
 */
const TAIL = 1000
const ALL = tableRange('records')

/** What was verified last, and of which log. */
export type Seen = Pick<Summary, 'id' | 'head'>

/**
 * Checks that the log ends in `head` and that its last records chain. With `seen`, which this process verified last,
 * only what came after it is checked: holds are many and short, and what was verified once is behind us. Unless the log was made
 * anew since: what was seen of another one says nothing about it.
 * @throws HearthError LOG_CORRUPT for a damaged, missing or foreign record.
 */
export async function checkTail(
  database: Database,
  { id, head, base }: Pick<Summary, 'id' | 'head' | 'base'>,
  last: Seen | undefined,
): Promise<void> {
  const seen = last?.id === id ? last?.head : undefined
  const news = head.position - (seen?.position ?? 0)
  if (news < 0) throw logCorrupt('its last records are lost', { position: head.position, seen: seen?.position ?? 0 })
  const limit = seen === undefined ? TAIL : Math.min(TAIL, news + 1)
  const stored = await database.values({ ...ALL, reverse: true, limit }).all()
  let expected = head
  for (const text of stored) {
    const recorded = decodeRecord(text)
    if (recorded.position !== expected.position || recorded.checksum !== expected.checksum) {
      throw logCorrupt(`record ${expected.position} is not what its successor says`, { position: expected.position })
    }
    expected = { position: recorded.position - 1, checksum: recorded.previous }
  }
  if (stored.length < Math.min(limit, head.position - base.position)) {
    throw logCorrupt(`record ${expected.position} is missing`, { position: expected.position })
  }
  if (expected.position === base.position && expected.checksum !== base.checksum) {
    throw logCorrupt('its beginning is missing', { position: base.position })
  }
  // What was archived since cannot be looked at here; it is part of the chain that was just checked.
  if (seen !== undefined && seen.position > base.position) await checkSeen(database, seen)
}

/** A record with the text under which it is stored. */
export interface StoredRecord {
  readonly recorded: Recorded
  readonly text: string
}

/**
 * Up to `limit` records after a position, each checked against its predecessor. Assumes that they are not in an archive.
 * @throws HearthError LOG_CORRUPT for a damaged or missing record.
 */
export async function readRecords(
  database: Database,
  { head, base }: Pick<Summary, 'head' | 'base'>,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly StoredRecord[]> {
  if (after >= head.position) return []
  let last = after === base.position ? base : headOf(await readRecord(database, after))
  const records: StoredRecord[] = []
  for (const text of await database.values({ ...ALL, gt: recordKey(after), limit }).all()) {
    const recorded = decodeRecord(text)
    checkFollows(recorded, last)
    last = headOf(recorded)
    records.push({ recorded, text })
  }
  if (records.length < Math.min(limit, head.position - after)) {
    throw logCorrupt(`record ${last.position + 1} is missing`, { position: last.position + 1 })
  }
  return records
}

/** Whether exactly this record is in the log: settles an append whose outcome was unknown. */
export async function holdsRecord(database: Database, { position, id }: Recorded): Promise<boolean> {
  const stored = (await database.get(recordKey(position))) as string | undefined
  return stored !== undefined && decodeRecord(stored).id === id
}

async function checkSeen(database: Database, seen: Head): Promise<void> {
  const { checksum } = await readRecord(database, seen.position)
  if (checksum !== seen.checksum) {
    throw logCorrupt(`record ${seen.position} is another one than before`, { position: seen.position })
  }
}

async function readRecord(database: Database, position: number): Promise<Recorded> {
  const stored = (await database.get(recordKey(position))) as string | undefined
  if (stored === undefined) throw logCorrupt(`record ${position} is missing`, { position })
  return decodeRecord(stored)
}
