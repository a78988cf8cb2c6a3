import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface HearthRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunHearthOptions {
  /** All that the command sees besides PATH. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Octal, as for umask(2). */
  readonly umask?: number
}

const CLI = fileURLToPath(new URL('../../bundle/cli.js', import.meta.url))
const TIMEOUT_MS = 30_000

/** Runs the built command to its end, in a process of its own. Rejects when it takes half a minute or is killed. */
export function runHearth(
  argv: readonly string[],
  { env = {}, cwd, umask }: RunHearthOptions = {},
): Promise<HearthRun> {
  const command = umask === undefined ? [CLI, ...argv] : ['-e', UMASK_THEN_CLI, CLI, ...argv]
  const surroundings = { PATH: process.env.PATH, ...env, ...(umask !== undefined && { TEST_UMASK: String(umask) }) }
  const options = { env: surroundings, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, ...(cwd && { cwd }) }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code
      if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr })
      else reject(error)
    })
  })
}

/** A umask is the process's own: it is set there, before anything else happens. */
const UMASK_THEN_CLI = `
  process.umask(Number(process.env.TEST_UMASK))
  import(require('node:url').pathToFileURL(process.argv[1]).href)
`
