import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { HearthError } from '../errors.js'
import type { Credential } from './credentials.js'
import { type HelperCall, userCredential } from './docker-config.js'

export interface HelperOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  /** Milliseconds. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 10_000
const MAX_OUTPUT_BYTES = 1024 * 1024
/** What the helpers built on docker-credential-helpers print when they have nothing. */
const NOT_FOUND: ReadonlySet<string> = new Set([
  'credentials not found in native keychain',
  'no credentials server URL',
  'no credentials username',
])

/**
 * Asks a `docker-credential-…` program. Undefined when it knows none. Nothing that it prints is repeated in an error.
 * @throws HearthError CREDENTIALS_FAILED when it is missing, fails, takes too long or answers nonsense; ABORTED.
 */
export async function askHelper(call: HelperCall, options: HelperOptions): Promise<Credential | undefined> {
  if (!/^[\x21-\x7e]{1,512}$/.test(call.server)) throw failed(call, 'cannot be asked for such a name')
  const path = await findProgram(call, options.env)
  const output = await run(path, call, options)
  return output === undefined ? undefined : parseAnswer(output, call)
}

/** In absolute folders of PATH alone: an empty entry means the current folder, which may be anybody's. */
async function findProgram(call: HelperCall, env: HelperOptions['env']): Promise<string> {
  for (const folder of (env.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const path = join(folder, `docker-credential-${call.program}`)
    try {
      await access(path, constants.X_OK)
      if ((await stat(path)).isFile()) return path
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw failed(call, `cannot be run (${code})`)
    }
  }
  throw failed(call, 'is not in PATH')
}

function run(path: string, call: HelperCall, options: HelperOptions): Promise<string | undefined> {
  const { env, signal, timeoutMs = TIMEOUT_MS } = options
  return new Promise((resolve, reject) => {
    const settings = {
      env: sanitised(env),
      timeout: timeoutMs,
      maxBuffer: MAX_OUTPUT_BYTES,
      killSignal: 'SIGKILL' as const,
      windowsHide: true,
      ...(signal !== undefined && { signal }),
    }
    const child = execFile(path, ['get'], settings, (error, stdout) => {
      if (error === null) return resolve(stdout)
      if (signal?.aborted) return reject(new HearthError('ABORTED', 'asking for credentials was aborted'))
      if (NOT_FOUND.has(stdout.trim())) return resolve(undefined)
      reject(failed(call, error.killed ? `did not answer in time` : `failed (${error.code ?? error.signal})`))
    })
    // A helper that ends without reading its input says what is wrong by its exit code.
    child.stdin?.on('error', () => child.stdin?.destroy())
    child.stdin?.end(call.server)
  })
}

/** What our own runtime and package manager are told is no business of a program that handles passwords. */
function sanitised(env: HelperOptions['env']): NodeJS.ProcessEnv {
  const ours = /^(NODE_|npm_|HEARTH_)/i
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)))
}

function parseAnswer(output: string, call: HelperCall): Credential {
  const { Username, Secret } = parseObject(output, call)
  if (typeof Username !== 'string' || typeof Secret !== 'string') throw failed(call, 'answered something else')
  return userCredential(Username, Secret)
}

function parseObject(output: string, call: HelperCall): { Username?: unknown; Secret?: unknown } {
  try {
    const value: unknown = JSON.parse(output)
    return typeof value === 'object' && value !== null ? value : {}
  } catch (error) {
    // Its message quotes the output: not kept as the cause.
    if (error instanceof SyntaxError) throw failed(call, 'answered no JSON')
    throw error
  }
}

function failed({ program, server }: HelperCall, what: string): HearthError {
  const details = { program: `docker-credential-${program}`, server }
  return new HearthError('CREDENTIALS_FAILED', `docker-credential-${program} ${what}`, details)
}
