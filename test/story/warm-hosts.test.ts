/** A warm over several registries on a bad day, by the built command; each registry is a process of its own. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { DEFAULTS } from '../../src/options.js'
import { hearth, hearthOk, startHearth } from '../support/hearth.js'
import { type RegistrySpec, type SpawnedRegistry, spawnRegistry } from '../support/spawn-registry.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const IMAGES = 200
const PLATFORM = ['--platform', 'linux/amd64']

interface Line {
  readonly at?: string
  readonly type: string
  readonly [field: string]: unknown
}

describe('hearth warm over several registries', async () => {
  const running: SpawnedRegistry[] = []
  const folder = await tempDir()
  after(async () => {
    for (const registry of running) await registry.stop()
  })

  async function start(spec: RegistrySpec): Promise<SpawnedRegistry> {
    const registry = await spawnRegistry(spec)
    running.push(registry)
    return registry
  }
  const journalOf = (name: string) => join(folder, `${name}.journal`)
  const sent = async (name: string) =>
    (await readFile(journalOf(name), 'utf8')).split('\n').filter((line) => line !== '')

  it(`fetches each blob of ${IMAGES} images once, while one of three asks for pauses and one dies and returns`, async () => {
    const specs = await Promise.all(
      ['sound', 'busy', 'dying'].map(async (name, at): Promise<RegistrySpec> => {
        await writeFile(journalOf(name), '')
        const layers = [{ bytes: 2000, seed: `${name} base` }, { bytes: 3000 }]
        const images = Array.from({ length: Math.floor((IMAGES + at) / 3) }, (_, number) => ({
          ...{ repository: `app-${number}`, tag: 'v1', seed: `${name} ${number}`, layers },
        }))
        const options = { latencyMs: 5 }
        const busy = { afterRequests: 40, forMs: 1500 }
        return { images, options, journal: journalOf(name), ...(name === 'busy' && { busy }) }
      }),
    )
    const [, busy, dying] = await Promise.all(specs.map(start))
    assert.ok(busy !== undefined && dying !== undefined)
    const references = running.flatMap(({ images }) => images.map(({ reference }) => reference))
    assert.equal(references.length, IMAGES)
    const list = join(folder, 'images.txt')
    await writeFile(list, references.join('\n'))
    const cache = join(folder, 'cache')
    const argv = ['warm', '-f', list, ...PLATFORM, '--cache', cache, '--json', '--progress', 'json']
    const { ended } = startHearth(argv)

    await until(async () => (await sent('dying')).length >= 30)
    await dying.kill()
    const before = await sent('dying')
    const port = Number(dying.host.split(':')[1])
    await start({ ...(specs[2] as RegistrySpec), options: { latencyMs: 5, port } })
    const { exitCode, stdout, stderr } = await ended
    assert.equal(exitCode, 0, stderr)
    assert.equal(JSON.parse(stdout).totals.pulled, IMAGES)
    assert.match(await hearthOk(['verify', '--cache', cache]), /no problems/)

    for (const name of ['sound', 'busy']) assertDistinct(await sent(name))
    const afterwards = (await sent('dying')).slice(before.length)
    assertDistinct(before)
    assertDistinct(afterwards)
    // Only what was under way when it died had to be asked for again.
    const again = afterwards.filter((digest) => before.includes(digest))
    assert.ok(again.length <= DEFAULTS.jobs, `${again.length} blobs were asked for again`)

    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line): Line => JSON.parse(line))
    const pauses = lines.filter(({ type }) => type === 'host-paused')
    assert.ok(pauses.some(({ host, reason, delayMs }) => host === busy.host && reason === 'asked' && delayMs === 1000))
    assert.ok(pauses.every(({ host }) => [busy.host, dying.host].includes(String(host))))
    assert.ok(lines.every(({ at }) => at !== undefined && new Date(at).toISOString() === at))
    const { at: _, ...last } = lines.at(-1) ?? assert.fail()
    assert.deepEqual([last.type, last.images, last.done, last.failed], ['job-progress', IMAGES, IMAGES, 0])
  })

  it('says in plain lines which registry asks to wait, and for how long', async () => {
    const images = ['a', 'b'].map((repository) => ({ repository, tag: 'v1', seed: repository }))
    const registry = await start({ images, busy: { afterRequests: 2, forMs: 500 } })
    const references = registry.images.map(({ reference }) => reference)
    const { exitCode, stderr } = await hearth(['warm', ...references, ...PLATFORM, '--cache', join(folder, 'plain')])
    assert.equal(exitCode, 0, stderr)
    assert.ok(stderr.includes(`${registry.host} asks to wait 1.0 s\n`), stderr)
  })
})

function assertDistinct(digests: readonly string[]): void {
  assert.deepEqual(
    digests.filter((digest, place) => digests.indexOf(digest) !== place),
    [],
  )
}
