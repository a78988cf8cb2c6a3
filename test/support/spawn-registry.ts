import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ImageSpec } from './an-image.js'
import type { RawRegistryOptions } from './raw-registry.js'

/** Plain JSON: it goes to the other process. */
export interface RegistrySpec {
  readonly images: readonly (ImageSpec & { readonly repository: string; readonly tag: string })[]
  readonly options?: RawRegistryOptions
  /** A file to which the digest of each blob that is sent is added: it outlives the process. */
  readonly journal?: string
  /** After so many requests, for so long: 429 to everybody, come back in a second. */
  readonly busy?: { readonly afterRequests: number; readonly forMs: number }
}

export interface ServedImage {
  readonly reference: string
  readonly digest: string
  /** Config and layers of each platform. */
  readonly platforms: Readonly<Record<string, { readonly blobs: number; readonly bytes: number }>>
}

export interface RegistryReady {
  readonly host: string
  readonly images: readonly ServedImage[]
}

/** Since the start; take the difference of two. */
export interface RegistryCounts {
  readonly requests: number
  readonly manifests: number
  readonly blobs: number
  readonly tokens: number
  readonly connections: number
  /** Sent over all connections, heads included. */
  readonly bytes: number
}

export interface SpawnedRegistry extends RegistryReady {
  counts(): Promise<RegistryCounts>
  /**
   * Once so many bytes of blobs were sent from now on, over all connections, bodies stop where they are and nothing more
   * comes: the moment to kill a client. Without a number blobs are sent again to who asks anew.
   */
  limitBlobs(bytes?: number): Promise<void>
  /** The process dies in the middle of whatever it does. */
  kill(): Promise<void>
  /** Resolves when the process is gone. Idempotent. */
  stop(): Promise<void>
}

const PROCESS = fileURLToPath(new URL('raw-registry-process.js', import.meta.url))

/** A raw registry in a process of its own, ready to serve. It ends with this process, however that ends. */
export async function spawnRegistry(spec: RegistrySpec): Promise<SpawnedRegistry> {
  const child = spawn(process.execPath, [PROCESS], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  // Writing to a process that died: the end of its output says so better.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (line: string): Promise<unknown> => {
    child.stdin.write(`${line}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('the registry process ended early')
    return JSON.parse(value)
  }
  const ready = (await ask(JSON.stringify(spec))) as RegistryReady
  return {
    ...ready,
    counts: async () => (await ask('counts')) as RegistryCounts,
    limitBlobs: async (bytes = Number.POSITIVE_INFINITY) => void (await ask(`limit ${bytes}`)),
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
    stop: async () => {
      child.stdin.end()
      await gone
    },
  }
}
