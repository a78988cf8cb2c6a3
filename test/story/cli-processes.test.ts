/** Two commands at once on one cache. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Digest } from '../../src/oci/digest.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { ingestedBytes, namesIn, soundBlobs } from '../support/cache-folder.js'
import { hearthOk, type RunningHearth, startHearth } from '../support/hearth.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { hangAfter, stallAfter } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const MIB = 1024 * 1024

describe('two hearth pulls at once on one cache', () => {
  let registry: RawRegistry
  let images: readonly BuiltImage[]
  let names: readonly string[]
  let base: Digest
  let cache: string

  beforeEach(async () => {
    registry = await startRawRegistry()
    images = await Promise.all(
      ['a', 'b', 'c'].map((seed) => anImage({ seed, layers: [{ seed: 'base', bytes: 12 * MIB }, { bytes: 20_000 }] })),
    )
    names = images.map((image, at) => registry.add(image, `library/image-${at}`, '1.0'))
    base = images[0]?.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    cache = await tempDir()
  })
  afterEach(() => registry.close())

  const start = (...references: (string | undefined)[]): RunningHearth =>
    startHearth(['pull', ...references.map(String), '--platform', 'linux/amd64', '--cache', cache])
  /** Resolves when this image's own layer is asked for: its pull has come to the layers. */
  const comesToLayers = (image: BuiltImage | undefined) => {
    const own = image?.platforms.get('linux/amd64')?.layers[1]?.digest ?? assert.fail()
    return registry.nextRequest({ kind: 'blob', digest: own })
  }
  const positions = async () => {
    const lines = (await hearthOk(['log', '--json', '--cache', cache])).trim().split('\n')
    return lines.map((line) => JSON.parse(line) as { position: number; previous: string; checksum: string })
  }

  it('both succeed and fetch nothing twice; ls and log do not wait for them', async () => {
    const { promise: released, resolve: release } = promiseWithResolve()
    registry.script({ kind: 'blob', digest: base }, stallAfter(MIB, released))
    const bothRun = Promise.all([comesToLayers(images[0]), comesToLayers(images[2])])
    const [one, two] = [start(names[0], names[1]), start(names[1], names[2])]
    await bothRun
    // Both are held up by the base layer, and stay so until it is released: these return in spite of it.
    await hearthOk(['ls', '--cache', cache])
    await hearthOk(['log', '--cache', cache])
    release()
    for (const { exitCode, stderr } of [await one.ended, await two.ended]) assert.equal(exitCode, 0, stderr)
    assert.deepEqual(new Set(registry.blobRequests().values()), new Set([1]))
    assert.deepEqual([...(await namesIn(cache)).keys()], names)
    assert.deepEqual(await soundBlobs(cache), new Set(images.flatMap((image) => [...digestsOf(image)])))
    await hearthOk(['verify', '--cache', cache])
  })

  it('write one contiguous history', async () => {
    const ended = await Promise.all([start(names[0], names[1]).ended, start(names[1], names[2]).ended])
    for (const { exitCode, stderr } of ended) assert.equal(exitCode, 0, stderr)
    const records = await positions()
    assert.deepEqual(
      records.map(({ position }) => position),
      records.map((_, at) => at + 1),
    )
    assert.deepEqual(
      records.map(({ previous }) => previous),
      ['', ...records.slice(0, -1).map(({ checksum }) => checksum)],
    )
  })

  it('when one is killed, the other takes over its layer where it stopped', async () => {
    registry.script({ kind: 'blob', digest: base }, hangAfter(10 * MIB))
    const one = start(names[0])
    await until(async () => (await ingestedBytes(cache, base)) === 10 * MIB)
    const waits = comesToLayers(images[1])
    const two = start(names[1])
    await waits
    const takesOver = registry.nextRequest({ kind: 'blob', digest: base })
    one.child.kill('SIGKILL')
    assert.match((await takesOver).headers.range ?? '', /^bytes=[1-9]\d*-/)
    const { exitCode, stderr } = await two.ended
    assert.equal(exitCode, 0, stderr)
    assert.deepEqual([...(await namesIn(cache)).keys()], [names[1]])
    await hearthOk(['verify', '--cache', cache])
  })
})

/** Promise.withResolvers, which Node 20 lacks. */
function promiseWithResolve(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
