import type { Head, Recorded } from './events.js'
import { readArchive } from './fs-archive.js'
import type { LevelSession } from './level-session.js'
import { checkFollows, headOf } from './record.js'

/** Records read in one hold: some 10 ms, so that a long history does not keep others from appending. */
const PAGE = 1000

/** Runs work with the log open. */
export type RunInSession = <T>(work: (session: LevelSession) => Promise<T>) => Promise<T>

/**
 * Every record after a position, those in archives first. Ends where the log ended when the iteration began, also when records are
 * archived meanwhile.
 * @param root of the cache that the archives belong to.
 */
export async function* readLog(root: string, position: number, run: RunInSession): AsyncGenerator<Recorded> {
  const end = await run(async (session) => session.head.position)
  let last: Head | undefined
  for (let after = position; after < end; ) {
    const page = await run((session) => session.page(after, Math.min(PAGE, end - after)))
    const records = page.kind === 'archive' ? await readArchive(root, page.archive) : page.records
    for (const recorded of records) {
      if (recorded.position <= after) continue
      if (last !== undefined) checkFollows(recorded, last)
      last = headOf(recorded)
      yield recorded
    }
    after = last?.position ?? end
  }
}
