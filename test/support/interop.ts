import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** Programs of others that read what we write, or serve what we read. */
export type Tool = 'docker-registry' | 'skopeo' | 'umoci' | 'podman' | 'containerd' | 'ctr' | 'python3'

const TIMEOUT_MS = 60_000

/**
 * Options for a `describe` or `it` that needs these programs: skipped with the reason where one is not installed.
 * With HEARTH_REQUIRE_INTEROP=1, as in CI, a missing program fails the file instead: a skip there would hide a hole.
 */
export function interop(...tools: readonly Tool[]): { readonly skip: string | false } {
  const missing = tools.filter((tool) => findTool(tool) === undefined)
  if (missing.length === 0) return { skip: false }
  const reason = `not installed: ${missing.join(', ')}`
  if (process.env.HEARTH_REQUIRE_INTEROP === '1') throw new Error(`${reason} (HEARTH_REQUIRE_INTEROP is set)`)
  return { skip: reason }
}

/** Path of the program, if PATH has it. */
export function findTool(tool: Tool): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find(isExecutable)
}

/** Runs a program to its end; gives its standard output. Rejects with its messages when it fails or takes a minute. */
export async function runTool(tool: Tool, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(tool, args, { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

export interface SkopeoPushOptions {
  /** `user:password`. */
  readonly credentials?: string
  /** Converts to Docker's schema 2 on the way; digests change. */
  readonly docker?: boolean
}

/**
 * Copies an image with all its platforms from a layout into a registry that speaks plain HTTP.
 * @param name as it stands in the layout's index.json, and `target` as `127.0.0.1:5000/repository:tag`.
 */
export async function skopeoPush(
  { layout, name, target }: { readonly layout: string; readonly name: string; readonly target: string },
  { credentials, docker }: SkopeoPushOptions = {},
): Promise<void> {
  const flags = [
    ...(credentials === undefined ? [] : ['--dest-creds', credentials]),
    ...(docker ? ['--format', 'v2s2'] : []),
  ]
  const copy = ['--insecure-policy', 'copy', '--all', '--dest-tls-verify=false', ...flags]
  await runTool('skopeo', ...copy, `oci:${layout}:${name}`, `docker://${target}`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return false
    throw error
  }
}
