import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isHearthError } from '../errors.js'
import { digestBytes } from '../oci/hasher.js'
import { ARCHIVE_FOLDER } from '../oci/image-layout.js'
import type { ArchiveRecord } from './event-log.js'
import type { Head, Recorded } from './events.js'
import { errnoOf, storeFailure } from './fs-failure.js'
import { syncFolder } from './fs-sync-folder.js'
import { checkFollows, headOf, logCorrupt } from './record.js'
import { decodeRecord } from './upcast.js'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_NONBLOCK } = constants
const TEMPORARY = '.tmp'

/**
 * Writes records, as they stand in the log, to a file of lines; on return it survives a power cut. The same records make the same
 * file, so it may be done again. Assumes that the caller holds the lock of the log.
 */
export async function writeArchive(
  root: string,
  texts: readonly string[],
  { from, end }: { readonly from: number; readonly end: Head },
): Promise<ArchiveRecord> {
  const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''))
  const { position: through, checksum: last } = end
  const archive = { from, through, last, digest: await digestBytes(bytes), size: bytes.length }
  const path = archivePath(root, archive)
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // Nobody else writes one while we hold the lock.
    await removeTorn(root, { before: Number.POSITIVE_INFINITY })
    await writeNew(`${path}${TEMPORARY}`, bytes)
    await rename(`${path}${TEMPORARY}`, path)
  } catch (error) {
    throw storeFailure(error, `write ${path}`)
  }
  for (const folder of [dirname(path), dirname(dirname(path))]) await syncFolder(folder)
  return archive
}

/**
 * The records of an archive, each checked against its predecessor.
 * @throws HearthError LOG_CORRUPT when the file is missing, or not what was written.
 */
export async function readArchive(root: string, archive: ArchiveRecord): Promise<readonly Recorded[]> {
  const { from, through, last, digest } = archive
  const path = archivePath(root, archive)
  const bytes = await readWhole(path, archive)
  if (bytes === undefined) throw logCorrupt(`records ${from} to ${through} are missing, with ${path}`, { path })
  if ((await digestBytes(bytes)) !== digest) throw logCorrupt(`${path} is not what was written`, { path })
  const records: Recorded[] = []
  for (const text of bytes.toString('utf8').split('\n').slice(0, -1)) {
    const recorded = decodeRecord(text)
    const before = records.at(-1)
    if (before !== undefined) checkFollows(recorded, headOf(before))
    records.push(recorded)
  }
  if (records[0]?.position === from && records.at(-1)?.checksum === last) return records
  throw logCorrupt(`${path} does not hold the records ${from} to ${through}`, { path })
}

/**
 * Removes what processes that were killed left of archives. Whole archives always stay. Idempotent.
 * @param before what was written later may belong to a process that lives. Milliseconds since 1970.
 */
export async function removeTorn(
  root: string,
  { before, dryRun = false }: { readonly before: number; readonly dryRun?: boolean },
): Promise<{ readonly count: number; readonly bytes: number }> {
  const folder = join(root, ARCHIVE_FOLDER)
  let [count, bytes] = [0, 0]
  try {
    for (const name of await readdir(folder)) {
      if (!name.endsWith(TEMPORARY)) continue
      const { mtimeMs, size } = await lstat(join(folder, name))
      if (mtimeMs >= before) continue
      if (!dryRun) await rm(join(folder, name), { force: true })
      count += 1
      bytes += size
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeFailure(error, `look through ${folder}`)
  }
  return { count, bytes }
}

/** Everything in the name is a number or was computed here: nothing in a log can lead elsewhere. */
function archivePath(root: string, { from, through, digest }: ArchiveRecord): string {
  return join(root, ARCHIVE_FOLDER, `${from}-${through}.${digest.slice(digest.indexOf(':') + 1).slice(0, 16)}.jsonl`)
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Undefined for what is missing, or has another size. Never waits for a planted pipe. */
async function readWhole(path: string, { size }: ArchiveRecord): Promise<Buffer | undefined> {
  try {
    const file = await open(path, O_RDONLY | O_NONBLOCK)
    try {
      const stat = await file.stat()
      if (stat.isFile() && stat.size === size) return await file.readFile()
      throw logCorrupt(`${path} is not what was written`, { path, expected: size, actual: stat.size })
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw isHearthError(error) ? error : storeFailure(error, `read ${path}`)
  }
}
