import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const PACKAGE = new URL('../../../package.json', import.meta.url)
/** What npm would put on PATH as `hearth`. */
export const HEARTH = fileURLToPath(new URL(JSON.parse(readFileSync(PACKAGE, 'utf8')).bin.hearth, PACKAGE))

export interface Ended {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningHearth {
  readonly child: ChildProcess
  /** Resolves when the process is gone and its output is read. */
  readonly ended: Promise<Ended>
}

export interface HearthOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Whom to run it as; only root may ask for somebody else. */
  readonly uid?: number
}

/** One that hangs fails its test, and does not hang the others. */
const GIVE_UP_MS = 60_000
/** Nobody's: whatever credentials the user of this machine has are no part of a test. */
const NO_HOME = join(tmpdir(), 'hearth-test-no-home')

/** Starts the built command as a user would, in an environment of its own. */
export function startHearth(argv: readonly string[], { env, cwd, uid }: HearthOptions = {}): RunningHearth {
  const child = spawn(process.execPath, [HEARTH, ...argv], {
    env: { PATH: process.env.PATH, HOME: NO_HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: GIVE_UP_MS,
    killSignal: 'SIGKILL',
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid, gid: uid }),
  })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  const ended = Promise.all([exit, text(child.stdout), text(child.stderr)])
  return { child, ended: ended.then(([exitCode, stdout, stderr]) => ({ exitCode, stdout, stderr })) }
}

/** Runs the built command to its end, however it ends. */
export function hearth(argv: readonly string[], options: HearthOptions = {}): Promise<Ended> {
  return startHearth(argv, options).ended
}

/**
 * Runs the built command, which must succeed; gives its standard output.
 * @throws Error with what it printed, when it does not.
 */
export async function hearthOk(argv: readonly string[], options: HearthOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await hearth(argv, options)
  if (exitCode === 0) return stdout
  throw new Error(`hearth ${argv.join(' ')} ended with ${exitCode}:\n${stderr}${stdout}`)
}
