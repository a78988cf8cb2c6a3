import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseCommandLine } from '../../../src/commands/command-line.js'
import { dispatch } from '../../../src/commands/dispatch.js'
import { openCache } from '../../../src/index.js'
import { anImage, type BuiltImage, digestsOf, type ImageSpec } from '../../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../../support/raw-registry.js'
import type { Value } from './oracle.js'

/** An image that the registry has, with what a cache must hold when it was pulled. */
export interface Served {
  readonly reference: string
  readonly image: BuiltImage
  readonly value: Value
}

/** A secret that hearth is told, and must tell nobody. */
export const CANARY = 'canary-5a1c9d'

/** A registry with tiny images, and a folder for whatever a program tries out. */
export class World {
  readonly registry: RawRegistry
  /** In memory where the machine allows it: a kill leaves the same files on any file system. */
  readonly folder: string
  /** What every command is told in its environment. */
  readonly env: Readonly<Record<string, string>>

  private constructor(registry: RawRegistry, folder: string) {
    this.registry = registry
    this.folder = folder
    const authfile = join(folder, 'auth.json')
    const auth = Buffer.from(`${CANARY}:${CANARY}`).toString('base64')
    writeFileSync(authfile, JSON.stringify({ auths: { [registry.host]: { auth } } }))
    this.env = { REGISTRY_AUTH_FILE: authfile }
  }

  static async open(parent = sharedMemory()): Promise<World> {
    return new World(await startRawRegistry(), mkdtempSync(join(parent, 'hearth-crash-')))
  }

  async serve(name: string, spec: ImageSpec, platforms: readonly string[] = ['linux/amd64']): Promise<Served> {
    const image = await anImage({ seed: name, ...spec })
    const [repository = '', tag] = name.split(':')
    const reference = this.registry.add(image, repository, tag)
    return { reference, image, value: pulledValue(image, platforms) }
  }

  /** From now on the reference stands for this image. */
  move(reference: string, image: BuiltImage): void {
    const [repository = '', tag] = reference.slice(this.registry.host.length + 1).split(':')
    this.registry.add(image, repository, tag)
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async close(): Promise<void> {
    await this.registry.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function pulledValue(image: BuiltImage, platforms: readonly string[]): Value {
  return { root: image.root.digest, blobs: [...digestsOf(image, platforms)] }
}

/**
 * Runs a command line in this process: what a process of its own would do, at a tenth of its price.
 * @returns the exit code. @throws what the command throws.
 */
export async function hearthHere(argv: readonly string[]): Promise<number> {
  const commandLine = parseCommandLine(argv, { version: '0', columns: 80, now: Date.now() })
  if (commandLine.kind !== 'run') throw new TypeError(commandLine.text)
  const cache = await openCache(commandLine.cache)
  try {
    const outcome = await dispatch(cache, commandLine.invocation, { signal: new AbortController().signal })
    return outcome.kind === 'stream' ? 0 : outcome.exitCode
  } finally {
    await cache.close()
  }
}

/** A copy that keeps everything, times too; none of a folder that is not there. */
export function copyFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to)
  execFileSync('cp', ['-a', '--reflink=auto', `${from}/.`, to])
}

function sharedMemory(): string {
  try {
    const probe = mkdtempSync('/dev/shm/hearth-crash-')
    rmSync(probe, { recursive: true })
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}
