/** Caches in the states in which commands find them. */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isHearthError } from '../../../src/errors.js'
import { resetAfter } from '../../support/raw-steps.js'
import { hearthHere, type Served, type World } from './world.js'

export const AMD64 = ['--platform', 'linux/amd64']
const MIB = 1024 * 1024

export function emptyFolder(world: World, name: string): string {
  mkdirSync(world.path(name))
  return world.path(name)
}

export async function pulled(world: World, name: string, images: readonly Served[]): Promise<string> {
  const path = world.path(name)
  await hearthHere(['pull', '--cache', path, ...AMD64, ...images.map(({ reference }) => reference)])
  return path
}

/** A cache whose pull broke off in the middle of the large layer. */
export async function halfPulled(world: World, { reference, image }: Served): Promise<string> {
  const path = world.path('half')
  const layer = image.platforms.get('linux/amd64')?.layers[1]?.digest
  world.registry.script({ kind: 'blob', ...(layer && { digest: layer }) }, resetAfter(2 * MIB))
  try {
    await hearthHere(['pull', '--cache', path, '--retries', '0', ...AMD64, reference])
  } catch (error) {
    if (!isHearthError(error)) throw error
  }
  return path
}

/** Its log cannot be opened any more. */
export function loseManifest(root: string): void {
  const log = join(root, '.hearth/log')
  for (const name of readdirSync(log)) if (name.startsWith('MANIFEST')) truncateSync(join(log, name))
}

/** As another tool would edit index.json. */
export function dropFromIndex(root: string, reference: string): void {
  const path = join(root, 'index.json')
  const index = JSON.parse(readFileSync(path, 'utf8')) as { manifests: { annotations: Record<string, string> }[] }
  const manifests = index.manifests.filter(({ annotations }) => !Object.values(annotations).includes(reference))
  rmSync(path)
  writeFileSync(path, JSON.stringify({ schemaVersion: 2, manifests }))
}
