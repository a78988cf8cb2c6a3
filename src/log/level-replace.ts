import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ARCHIVE_FOLDER, DAMAGED_FOLDER, HEARTH_FOLDER, LOG_FOLDER, MATERIALISED_FILE } from '../oci/image-layout.js'
import type { HearthEvent } from './events.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { syncFolder } from './fs-sync-folder.js'
import { createDatabase } from './level-database.js'
import { LevelSession } from './level-session.js'
import type { Stamp } from './record.js'

export interface ReplaceOptions {
  readonly events: readonly HearthEvent[]
  readonly stamp: () => Stamp
}

/** A log of a hundred thousand events is written in a second, a few megabytes at a time. */
const EVENTS_PER_BATCH = 2000

/**
 * Puts a new database in the place of the one that a cache has. The old one is moved aside as it is, with what we last wrote to
 * index.json: that accounts for records which the new log does not have. Assumes that the caller holds the lock of the log. After
 * a crash on the way the log is either the old one, or missing as a whole, which counts as damaged: then it is done again.
 * @returns where the old one is kept; undefined when there was none.
 */
export async function replaceDatabase(root: string, options: ReplaceOptions): Promise<string | undefined> {
  // A cache of its own for as long as it is being built.
  const site = join(root, HEARTH_FOLDER, 'rebuild')
  await doing(`build a log in ${site}`, async () => {
    await rm(site, { recursive: true, force: true })
    await mkdir(join(site, LOG_FOLDER), { recursive: true, mode: 0o700 })
  })
  await fill(site, options)
  const { at } = options.stamp()
  const aside = join(root, DAMAGED_FOLDER, `${at.replaceAll(/[^0-9T]/g, '')}-${globalThis.crypto.randomUUID()}`)
  return await doing(`put the old log aside`, async () => {
    await mkdir(aside, { recursive: true, mode: 0o700 })
    await syncFolder(dirname(dirname(aside)))
    // First what vouches for the old log: without it no state in between can be mistaken for one that lost records.
    const companions = [MATERIALISED_FILE, `${MATERIALISED_FILE}.next`, ARCHIVE_FOLDER]
    for (const name of companions) await moveInto(aside, join(root, name))
    const kept = await moveInto(aside, join(root, LOG_FOLDER))
    await syncFolder(aside)
    await syncFolder(dirname(aside))
    await rename(join(site, LOG_FOLDER), join(root, LOG_FOLDER))
    for (const folder of [join(root, HEARTH_FOLDER), root]) await syncFolder(folder)
    await rm(site, { recursive: true, force: true })
    return kept ? aside : undefined
  })
}

async function fill(site: string, { events, stamp }: ReplaceOptions): Promise<void> {
  await createDatabase(site)
  const session = await LevelSession.open({ root: site, seen: undefined, stamp })
  try {
    for (let at = 0; at < events.length; at += EVENTS_PER_BATCH) {
      await session.append(events.slice(at, at + EVENTS_PER_BATCH))
    }
  } finally {
    await session.close()
  }
}

/** False when there is nothing to move. */
async function moveInto(folder: string, path: string): Promise<boolean> {
  try {
    await rename(path, join(folder, basename(path)))
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw errnoOf(error)?.startsWith('E') ? storeFailure(error, what) : error
  }
}
