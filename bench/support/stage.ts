import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RegistrySpec, type SpawnedRegistry, spawnRegistry } from '../../test/support/spawn-registry.js'

export interface Stage {
  /** For results; removed at the end. On the disk of the folder for temporary files: TMPDIR chooses another. */
  readonly folder: string
  readonly registry: SpawnedRegistry
  readonly references: readonly string[]
}

const folders = new Set<string>()

// They may hold 10 GiB. Retried, because what a bench started may be writing still.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    process.exit(130)
  })
}

/** Runs `work` beside a registry in a process of its own, with a folder to fill. Leaves nothing behind. */
export async function onStage<T>(spec: RegistrySpec, work: (stage: Stage) => Promise<T>): Promise<T> {
  return await withFolder(async (folder) => {
    const registry = await spawnRegistry(spec)
    try {
      return await work({ folder, registry, references: registry.images.map(({ reference }) => reference) })
    } finally {
      await registry.stop()
    }
  })
}

/** Runs `work` with a folder of its own, which is removed in the end, also when the bench is stopped. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-bench-'))
  folders.add(folder)
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
    folders.delete(folder)
  }
}
