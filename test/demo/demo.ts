/**
 * `npm run demo`: a registry on this machine, the real command line, and what the one asks of the other. Needs no network,
 * writes to a temporary folder alone and removes it, also on Ctrl-C. Exits with 1 when hearth did not do what it says.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type RegistryCounts,
  type RegistrySpec,
  type SpawnedRegistry,
  spawnRegistry,
} from '../support/spawn-registry.js'
import { DemoFailed, Stage } from './stage.js'

const MIB = 1024 * 1024
/** Relative to the demo's folder: the commands are on the screen, and should be short. */
const CACHE = ['--cache', 'cache']
const PLATFORM = 'linux/amd64'
const OTHER_PLATFORM = 'linux/arm64'
const SYSTEM = { seed: 'system', bytes: 3 * MIB }
const RUNTIME = { seed: 'runtime', bytes: 8 * MIB }
const DATA = { seed: 'data', bytes: 2 * MIB, everyPlatform: true }

const IMAGES: RegistrySpec['images'] = [
  { repository: 'library/system', layers: [SYSTEM] },
  { repository: 'shop/web', layers: [SYSTEM, RUNTIME, { bytes: MIB }] },
  { repository: 'shop/api', layers: [SYSTEM, RUNTIME, DATA, { bytes: MIB }] },
  { repository: 'shop/worker', layers: [SYSTEM, RUNTIME, DATA, { bytes: MIB / 2 }] },
].map((image) => ({ ...image, tag: '1.0', seed: image.repository, platforms: [PLATFORM, OTHER_PLATFORM] }))

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())

process.exitCode = await main()

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-demo-'))
  let registry: SpawnedRegistry | undefined
  try {
    registry = await spawnRegistry({ images: IMAGES })
    await play(new Stage(folder, stopping.signal), registry)
    return 0
  } catch (error) {
    if (stopping.signal.aborted) return 130
    if (!(error instanceof DemoFailed)) throw error
    process.stderr.write(`\nThe demo failed: ${error.message}\n`)
    return 1
  } finally {
    await registry?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function play(stage: Stage, registry: SpawnedRegistry): Promise<void> {
  const references = registry.images.map(({ reference }) => reference)
  const [, web = ''] = references
  const all = ['pull', ...references, '--platform', PLATFORM, ...CACHE]
  introduce(stage, registry)

  stage.step('Pull them all for one platform. What they share comes once.')
  const cold = await asked(registry, () => stage.hearth(...all))
  stage.say(`The images name ${blobsOf(registry)} blobs; the registry was asked for ${cold.blobs}.`)
  expect(cold.blobs > 0 && cold.blobs < blobsOf(registry), 'shared layers were asked for more than once')

  stage.step('Pull them again: everything is there, so nobody is asked.')
  const warm = await asked(registry, () => stage.hearth(...all))
  stage.say(`The registry was asked ${warm.requests} times.`)
  expect(warm.requests === 0, 'a pull of what is there asked the registry')

  stage.step('Ask whether the tags have moved: for names, not for blobs.')
  const checked = await asked(registry, () => stage.hearth(...all, '--pull', 'always'))
  stage.say(`The registry was asked for ${checked.manifests} manifests and ${checked.blobs} blobs.`)
  expect(checked.blobs === 0, 'a blob that is there was asked for again')

  stage.step('One of them for another platform: the index stays as it is, and more of it is there.')
  await stage.hearth('pull', web, '--platform', OTHER_PLATFORM, ...CACHE)
  await stage.hearth('inspect', web, ...CACHE)

  stage.step('The cache is an OCI image layout: skopeo, umoci and LinuxKit read it too.')
  await stage.hearth('ls', ...CACHE)
  stage.step('What happened so far. index.json is made from this log, and can be made again.')
  await stage.hearth('log', ...CACHE)
  stage.step('Hash every blob again; check the log, index.json and each image.')
  await stage.hearth('verify', ...CACHE)
  stage.say('\nThat was the demo; its folder is removed now.')
}

function introduce(stage: Stage, registry: SpawnedRegistry): void {
  stage.step(`A registry of this demo's own at ${registry.host}, in a process of its own.`)
  for (const { reference, platforms } of registry.images) {
    const sizes = Object.entries(platforms).map(([name, { bytes }]) => `${name} ${(bytes / MIB).toFixed(1)} MiB`)
    stage.say(`  ${reference}  ${sizes.join(', ')}`)
  }
}

/** What the registry was asked while `work` ran. */
async function asked(registry: SpawnedRegistry, work: () => Promise<void>): Promise<RegistryCounts> {
  const before = await registry.counts()
  await work()
  const now = await registry.counts()
  return {
    requests: now.requests - before.requests,
    manifests: now.manifests - before.manifests,
    blobs: now.blobs - before.blobs,
    tokens: now.tokens - before.tokens,
    connections: now.connections - before.connections,
    bytes: now.bytes - before.bytes,
  }
}

/** Configs and layers of one platform, counted for each image. */
function blobsOf({ images }: SpawnedRegistry): number {
  return images.reduce((sum, { platforms }) => sum + (platforms[PLATFORM]?.blobs ?? 0), 0)
}

function expect(condition: boolean, failure: string): void {
  if (!condition) throw new DemoFailed(failure)
}
