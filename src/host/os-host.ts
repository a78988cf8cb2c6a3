import { availableParallelism, homedir } from 'node:os'
import { resolve } from 'node:path'

/** What hearth takes from the machine and process it runs in. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home folder. */
  readonly home: string
  /** As in `process.platform` and `process.arch`. */
  readonly platform: string
  readonly arch: string
  /** Threads that can run at the same time; a container's limit counts. */
  readonly parallelism: number
}

/** Reads it once, when a cache is opened. */
export function readHost(): Host {
  const { env, platform, arch } = process
  return { env, home: homedir(), platform, arch, parallelism: availableParallelism() }
}

/** An absolute path, from the current folder where it is relative. */
export function absolutePath(path: string): string {
  return resolve(path)
}
