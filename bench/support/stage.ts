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

export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
