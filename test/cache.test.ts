import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { Cache } from '../src/api.js'
import { openCache } from '../src/cache.js'
import type { CacheOptions } from '../src/options.js'
import type { PullReport } from '../src/pull/report.js'
import { anImage, type BuiltImage } from './support/an-image.js'
import { memoryAfter } from './support/memory-after.js'
import { type RawRegistry, startRawRegistry } from './support/raw-registry.js'
import * as steps from './support/raw-steps.js'
import { spawnRegistry } from './support/spawn-registry.js'
import { tempDir } from './support/temp-dir.js'

const ABORTED = { code: 'ABORTED' }
const blobGets = { kind: 'blob', method: 'GET' } as const
/** More than is fetched on the calling thread: these go through a worker. */
const LARGE = 2 * 1024 * 1024

describe('a cache', () => {
  let registry: RawRegistry
  let path: string
  const opened: Cache[] = []

  beforeEach(async () => {
    registry = await startRawRegistry()
    path = join(await tempDir(), 'cache')
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((cache) => cache.close()))
    await registry.close()
  })

  const open = async (options: CacheOptions = {}): Promise<Cache> => {
    const cache = await openCache({ path, env: {}, retry: { minDelayMs: 1, maxDelayMs: 5 }, ...options })
    opened.push(cache)
    return cache
  }
  const serve = async (name: string, bytes = 1000): Promise<{ image: BuiltImage; name: string }> => {
    const image = await anImage({ seed: name, layers: [{ seed: 'shared', bytes }, {}] })
    return { image, name: registry.add(image, name, 'v1') }
  }
  const names = async (cache: Cache) => (await cache.list()).map(({ reference }) => reference)
  const leftBehind = () => readdir(join(path, '.hearth/leases'))

  it('pulls, lists, inspects, remembers, verifies and removes', async () => {
    const cache = await open()
    const { image, name } = await serve('app', LARGE)
    succeeded(await cache.pull(name))
    assert.deepEqual(await names(cache), [name])
    assert.equal((await cache.inspect(name)).root.descriptor.digest, image.root.digest)
    assert.deepEqual((await cache.verify()).problems, [])
    const events: string[] = []
    for await (const { type } of cache.history()) events.push(type)
    assert.equal(events.at(-1), 'ReferenceSet')
    await cache.remove([name])
    assert.deepEqual([await names(cache), await readdir(join(path, 'blobs', 'sha256'))], [[], []])
    assert.deepEqual(await leftBehind(), [])
  })

  it('creates nothing when it is opened, looked at, or told to pull under a signal that has gone off', async () => {
    const cache = await open()
    assert.deepEqual(await cache.list(), [])
    await assert.rejects(cache.pull('app', { signal: AbortSignal.abort() }), ABORTED)
    await cache.close()
    await assert.rejects(access(path), { code: 'ENOENT' })
  })

  it('pulls for two callers at the same time: each blob once, each name', async () => {
    const cache = await open()
    const [one, two, three] = [await serve('one', LARGE), await serve('two', LARGE), await serve('three', LARGE)]
    const reports = await Promise.all([cache.pull([one.name, two.name]), cache.pull([two.name, three.name])])
    for (const report of reports) succeeded(report)
    assert.deepEqual(new Set(registry.blobRequests().values()), new Set([1]))
    assert.deepEqual(new Set(await names(cache)), new Set([one.name, two.name, three.name]))
    assert.deepEqual(await leftBehind(), [])
  })

  it('shares its folder with another one of the same process', async () => {
    // One at a time: most blobs are waited for long after it was looked whether they are there.
    const [first, second] = [await open({ jobs: 1 }), await open({ jobs: 1 })]
    const layers = Array.from({ length: 10 }, () => ({ bytes: 20_000 }))
    const name = registry.add(await anImage({ layers }), 'app', 'v1')
    const reports = await Promise.all([first.pull(name), second.pull(name)])
    for (const report of reports) succeeded(report)
    assert.deepEqual(new Set(registry.blobRequests().values()), new Set([1]))
    const fetched = reports.flatMap(({ results }) => results.map((result) => (result.ok ? result.fetchedBlobs : 0)))
    assert.equal(
      fetched.reduce((sum, count) => sum + count),
      registry.requests.length,
    )
    await first.close()
    assert.deepEqual(await names(second), [name])
    const positions: number[] = []
    for await (const { position } of second.history()) positions.push(position)
    assert.deepEqual(
      positions,
      positions.map((_, at) => at + 1),
    )
  })

  it('keeps nothing of an image in memory once it is pulled', async () => {
    const [rounds, images] = [5, 30]
    const numbers = Array.from({ length: rounds * images }, (_, at) => at)
    // In another process: what it remembers must not be counted.
    const server = await spawnRegistry({
      images: numbers.map((number) => ({ repository: `app-${number}`, tag: 'v1', seed: String(number) })),
    })
    const cache = await open()
    const heap: number[] = []
    for (let round = 0; round < rounds; round++) {
      const served = server.images.slice(round * images, (round + 1) * images)
      succeeded(await cache.pull(served.map(({ reference }) => reference)))
      heap.push(await memoryAfter('heapUsed'))
    }
    await server.stop()
    const [, warm = 0] = heap
    const perImage = ((heap.at(-1) ?? 0) - warm) / ((rounds - 2) * images)
    assert.ok(perImage < 4000, `${perImage} bytes: ${heap}`)
  })

  it('leaves no listener on its caller’s signal', async () => {
    const cache = await open()
    const { name } = await serve('app')
    const stop = new AbortController()
    const { signal } = stop
    await cache.pull(name, { signal })
    await cache.pull('127.0.0.1:1/absent', { signal })
    await cache.verify({ signal })
    await cache.remove([name], { signal })
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  describe('that is closed', () => {
    const moments: readonly [string, (registry: RawRegistry) => void][] = [
      ['a blob stops in the middle', (server) => server.always(blobGets, steps.hangAfter(1000))],
      ['a manifest does not come', (server) => server.always({ kind: 'manifest' }, steps.hangAfter(0))],
      ['the server asked for a pause', (server) => server.always({}, steps.tooManyRequests(60))],
    ]
    for (const [when, script] of moments) {
      it(`ends a pull within two seconds while ${when}`, async () => {
        const cache = await open()
        const { name } = await serve('app', LARGE)
        script(registry)
        const asked = registry.nextRequest()
        const pulling = assert.rejects(cache.pull(name), ABORTED)
        await asked
        const started = performance.now()
        await Promise.all([cache.close(), pulling])
        assert.ok(performance.now() - started < 2000, 'it took too long')
        assert.deepEqual(await leftBehind(), [])
      })
    }

    it('refuses whatever needs threads, connections or the log, and still can be read', async () => {
      const cache = await open()
      const { name } = await serve('app')
      await cache.pull(name)
      await cache.close()
      await assert.rejects(cache.pull(name), ABORTED)
      await assert.rejects(cache.remove([name]), ABORTED)
      await assert.rejects(cache.clean(), ABORTED)
      await assert.rejects(cache.verify(), ABORTED)
      await assert.rejects(cache.list({ at: 1 }), ABORTED)
      await assert.rejects(async () => {
        for await (const _ of cache.history());
      }, ABORTED)
      assert.deepEqual(await names(cache), [name])
      assert.equal((await cache.inspect(name)).reference, name)
    })

    it('may be closed again, at the same time, and without ever having been used', async () => {
      const cache = await open()
      await Promise.all([cache.close(), cache.close()])
      await cache.close()
    })

    it('does not touch another one of the same folder', async () => {
      const [first, second] = [await open(), await open()]
      const { name } = await serve('app', LARGE)
      const arrived = registry.nextRequest(blobGets)
      const pulling = second.pull(name)
      await arrived
      await first.close()
      succeeded(await pulling)
    })
  })

  describe('lets its process end by itself', () => {
    const run = async (program: string): Promise<string> => {
      const module = JSON.stringify(new URL('../src/index.js', import.meta.url).href)
      const options = JSON.stringify({ path, env: {}, retry: { minDelayMs: 1, maxDelayMs: 5 } })
      const source = `import { openCache } from ${module}\nconst cache = await openCache(${options})\n${program}`
      const args = ['--throw-deprecation', '--input-type=module', '--eval', source]
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 })
      assert.equal(stderr, '')
      return stdout
    }
    const pull = (name: string, signal = '') => `cache.pull(${JSON.stringify(name)}, { ${signal} })`
    const OK = 'process.stdout.write(String(report.results[0].ok))'

    it('after a pull, when it was closed', async () => {
      const { name } = await serve('app', LARGE)
      assert.equal(await run(`const report = await ${pull(name)}; ${OK}; await cache.close()`), 'true')
    })

    it('after a pull, when closing it was forgotten', async () => {
      const { name } = await serve('app', LARGE)
      assert.equal(await run(`const report = await ${pull(name)}; ${OK}`), 'true')
    })

    it('after a pull that failed while the server had asked for a pause', async () => {
      const { name } = await serve('app')
      registry.always({ kind: 'manifest' }, steps.tooManyRequests(3600))
      assert.equal(await run(`const report = await ${pull(name)}; ${OK}; await cache.close()`), 'false')
    })

    it('after a pull that was stopped', async () => {
      const { name } = await serve('app', LARGE)
      registry.always(blobGets, steps.hangAfter(1000))
      const program = `
        const stop = new AbortController()
        const onProgress = ({ type }) => type === 'blob-started' && stop.abort()
        const stopped = await ${pull(name, 'signal: stop.signal, onProgress')}.catch(({ code }) => code)
        process.stdout.write(stopped)
        await cache.close()`
      assert.equal(await run(program), 'ABORTED')
    })
  })
})

function succeeded({ results }: PullReport): void {
  for (const result of results)
    assert.ok(result.ok, result.ok ? '' : `${result.failure.code}: ${result.failure.message}`)
}
