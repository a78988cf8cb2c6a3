import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after } from 'node:test'
import { Level } from 'level'
import { LevelEventLog, type LevelEventLogOptions } from '../../src/log/level-event-log.js'
import { FORMAT_FILE, HEARTH_FOLDER, LOG_FOLDER } from '../../src/oci/image-layout.js'
import { tempDir } from './temp-dir.js'

export const PATIENT: LevelEventLogOptions = { lockTimeoutMs: 60_000 }

/** The folder of a cache with an empty log, removed when the test ends. */
export async function aLogFolder(): Promise<string> {
  const root = await tempDir()
  await mkdir(join(root, HEARTH_FOLDER))
  await LevelEventLog.init(root, PATIENT)
  await writeFile(join(root, FORMAT_FILE), '{}')
  return root
}

/** Runs `work` on the log in a folder, and closes it. */
export async function withLevelLog<T>(root: string, work: (log: LevelEventLog) => Promise<T>): Promise<T> {
  const log = await LevelEventLog.open(root, PATIENT)
  try {
    return await work(log)
  } finally {
    await log.close()
  }
}

/** Reads or damages what is stored, behind the log's back. Assumes that nobody has the log open. */
export async function withDatabase<T>(root: string, work: (database: Level) => Promise<T>): Promise<T> {
  const database = new Level(join(root, LOG_FOLDER), { createIfMissing: false })
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

export interface LogProcess {
  readonly pid: number
  /** What the process said first. */
  readonly said: unknown
  /** Ends it as a crash would. */
  kill(): Promise<void>
}

/** Starts log-process.ts and waits until it said something. Killed when the test ends, if not before. */
export async function startLogProcess(...args: readonly string[]): Promise<LogProcess> {
  const child = fork(new URL('./log-process.js', import.meta.url), args, { stdio: 'inherit' })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  after(kill)
  const [said] = await Promise.race([once(child, 'message'), exited])
  return { pid: child.pid ?? 0, said, kill }
}
