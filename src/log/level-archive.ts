import type { ArchiveRecord } from './event-log.js'
import { writeArchive } from './fs-archive.js'
import type { LevelSession } from './level-session.js'
import { headOf } from './record.js'

/** One hold archives no more: a few megabytes, which take well under a second. */
const RECORDS_PER_ARCHIVE = 5000
/** The record that tells of an archive is itself one: an archive of that alone would go on for ever. */
const FEWEST_RECORDS = 2

/**
 * Moves the oldest records of the database to an archive. The file is durable before the records go, and they go in the batch that
 * says where they are: a crash in between leaves a file that nobody needs.
 * @param end no record after this position.
 * @returns undefined when there is nothing worth it.
 */
export async function archiveNext(
  root: string,
  session: LevelSession,
  end: number,
): Promise<ArchiveRecord | undefined> {
  const { base } = session
  const limit = Math.min(RECORDS_PER_ARCHIVE, end - base.position)
  if (limit < FEWEST_RECORDS) return undefined
  const stored = await session.records(base.position, limit)
  const last = stored.at(-1)
  if (last === undefined) return undefined
  const texts = stored.map(({ text }) => text)
  const archive = await writeArchive(root, texts, { from: base.position + 1, end: headOf(last.recorded) })
  await session.append([{ type: 'LogCompacted', ...archive }])
  return archive
}
