import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type Cache, type ErrorCode, isHearthError, openCache } from '../../src/index.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import * as steps from '../support/raw-steps.js'

const PLATFORMS = ['linux/amd64', 'linux/arm64']
const OWN = { platforms: ['linux/amd64'] }
const fails = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isHearthError(error, code))
const codeOf = (result: { ok: boolean; failure?: { code: string } } | undefined): string | undefined =>
  result?.ok === true ? 'ok' : result?.failure?.code
const blobGets = { kind: 'blob', method: 'GET' } as const

describe('warm', () => {
  let registry: RawRegistry
  let folder: string
  let cache: Cache

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hearth-warm-'))
    registry = await startRawRegistry()
    cache = await aCache()
  })
  afterEach(async () => {
    await cache.close()
    await registry.close()
    await rm(folder, { recursive: true, force: true })
  })

  const aCache = () =>
    openCache({ path: join(folder, 'cache'), env: {}, retry: { retries: 1, minDelayMs: 1, maxDelayMs: 2 } })
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text)
    return path
  }
  const add = async (name: string, seed = name, platforms = PLATFORMS): Promise<BuiltImage> => {
    const [repository = '', tag] = name.split(':')
    const image = await anImage({ seed, platforms })
    registry.add(image, repository, tag)
    return image
  }
  const namesIn = async () => (await cache.list()).map(({ reference, digest }) => [reference, digest])

  it('pulls what arguments and files of every kind name, as one job, each image once', async () => {
    const { host } = registry
    for (const name of ['a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'f:1', 'f:2', 'f:3-rc1', 'g:old', 'g:new']) await add(name)
    const files = [
      await file('list.txt', `${host}/a:1 # and again\n${host}/b:1\n`),
      await file('host.yml', `kernel:\n  image: ${host}/c:1\nservices:\n  - image: ${host}/a:1\n`),
      await file('compose.yml', `services:\n  d:\n    image: ${host}/d:1\n    platform: linux/arm64\n`),
      await file('pods.yml', `apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: ${host}/e:1\n---\n`),
      await file(
        'sync.yml',
        `${host}:\n  images:\n    g: [old]\n  images-by-semver:\n    f: ">=1"\n  images-by-tag-regex:\n    g: ^n\n`,
      ),
    ]
    const { results, totals } = await cache.warm([`${host}/a:1`], { ...OWN, files })
    assert.deepEqual(
      results.map((result) => [result.reference, codeOf(result)]),
      ['a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'g:old', 'g:new', 'f:1', 'f:2'].map((name) => [`${host}/${name}`, 'ok']),
    )
    assert.deepEqual([totals.images, totals.pulled, totals.upToDate, totals.failed], [9, 9, 0, 0])
    const platforms = new Map((await cache.list()).map(({ reference, platforms: own }) => [reference, own]))
    assert.deepEqual(platforms.get(`${host}/d:1`), ['linux/arm64/v8'])
    assert.deepEqual(platforms.get(`${host}/e:1`), ['linux/amd64'])
    for (const times of registry.blobRequests().values()) assert.equal(times, 1)
  })

  it('says the second time that all is up to date, and asks for nothing', async () => {
    await add('a:1')
    const files = [await file('list.txt', `${registry.host}/a:1\n`)]
    await cache.warm([], { ...OWN, files })
    registry.requests.length = 0
    const { totals } = await cache.warm([], { ...OWN, files })
    assert.deepEqual([totals.images, totals.upToDate, totals.fetchedBlobs, totals.fetchedBytes], [1, 1, 0, 0])
    assert.equal(registry.requests.length, 0)
  })

  it('fetches nothing when an input is broken, and makes no cache', async () => {
    await add('a:1')
    const files = [await file('list.txt', `${registry.host}/a:1\n`), await file('bad.txt', 'a b c\n')]
    await fails(cache.warm([], { files }), 'INPUT_INVALID')
    await fails(cache.warm(['Not A Name'], { files }), 'REFERENCE_INVALID')
    await fails(cache.warm([], { files: [join(folder, 'none.txt')] }), 'INPUT_INVALID')
    await fails(cache.warm([], { files: [folder] }), 'INPUT_INVALID')
    assert.equal(registry.requests.length, 0)
    assert.equal(existsSync(cache.path), false)
  })

  it('goes on without what cannot be had, and says what that was', async () => {
    await add('a:1')
    const { host } = registry
    const sync = await file('sync.yml', `${host}:\n  images:\n    none: []\n  images-by-semver:\n    a: ">=2"\n`)
    const { results, totals } = await cache.warm([`${host}/none:1`, `${host}/a:1`], { ...OWN, files: [sync] })
    assert.deepEqual(results.map(codeOf).sort(), ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'NAME_UNKNOWN', 'ok'])
    assert.deepEqual([totals.images, totals.pulled, totals.failed], [4, 1, 3])
  })

  it('asks for the tags of a repository once, however many inputs need them, and again after a 503', async () => {
    await add('a:1')
    const sync = `${registry.host}:\n  images:\n    a: []\n  images-by-semver:\n    a: "*"\n`
    registry.script({ kind: 'tags' }, steps.respond(503))
    const { results } = await cache.warm([], { ...OWN, files: [await file('sync.yml', sync)] })
    assert.deepEqual(results.map(codeOf), ['ok'])
    assert.equal(registry.requestsFor({ kind: 'tags' }).length, 2)
  })

  it('that fails fast ends with the first failure, also with one before the first pull', async () => {
    await add('a:1')
    const { host } = registry
    const fast = { ...OWN, failFast: true }
    registry.always(blobGets, steps.delayed(new Promise(() => {})))
    const stopped = await cache.warm([`${host}/a:1`, `${host}/none:1`], fast)
    assert.deepEqual(stopped.results.map(codeOf), ['ABORTED', 'NAME_UNKNOWN'])
    registry.requests.length = 0
    const files = [await file('sync.yml', `${host}:\n  images:\n    none: []\n    a: ["1"]\n`)]
    const { results, totals } = await cache.warm([], { ...fast, files })
    assert.deepEqual(results.map(codeOf), ['NAME_UNKNOWN', 'ABORTED'])
    assert.equal(totals.failed, 2)
    assert.equal(registry.requestsFor({ kind: 'manifest' }).length, 0)
  })

  describe('planned', () => {
    it('tells what would be fetched, what is shared, and what is here', async () => {
      const shared = { bytes: 5000, seed: 'shared', everyPlatform: true }
      const own = (seed: string) => anImage({ seed, layers: [shared, { bytes: 3000 }] })
      const [a, b, c] = [await own('a'), await own('b'), await own('c')]
      const names = [registry.add(a, 'a', '1'), registry.add(b, 'b', '1'), registry.add(c, 'c', '1')]
      const sizeOf = (image: BuiltImage) => [...image.blobs.values()].reduce((sum, { length }) => sum + length, 0)
      const layer = a.platforms.get('linux/amd64')?.layers[0]?.size ?? 0
      assert.ok(layer > 0)

      const { images, totals } = await cache.planWarm(names.slice(0, 2))
      assert.deepEqual(
        images.map((image) => image.ok && [image.fetchBytes, image.sharedBytes, image.presentBytes, image.size]),
        [
          [sizeOf(a), 0, 0, sizeOf(a)],
          [sizeOf(b) - layer, layer, 0, sizeOf(b)],
        ],
      )
      assert.equal(totals.fetchBytes, sizeOf(a) + sizeOf(b) - layer)
      assert.equal(registry.requestsFor({ kind: 'blob' }).length, 0)
      assert.equal(existsSync(cache.path), false)

      const { totals: warmed } = await cache.warm(names.slice(0, 2))
      assert.deepEqual([warmed.fetchedBytes, warmed.fetchedBlobs], [totals.fetchBytes, totals.fetchBlobs])
      const after = await cache.planWarm(names)
      assert.deepEqual(
        after.images.map((image) => image.ok && [image.fetchBytes, image.presentBytes]),
        [
          [0, sizeOf(a)],
          [0, sizeOf(b)],
          [sizeOf(c) - layer, layer],
        ],
      )
    })

    it('counts the wanted platforms alone, and follows the pull policy', async () => {
      const before = await add('a:1', 'before')
      const name = `${registry.host}/a:1`
      await cache.warm([name], OWN)
      const after = await add('a:1', 'after')
      const digestOf = async (options: Parameters<Cache['planWarm']>[1]) => {
        const [image] = (await cache.planWarm([name], { ...OWN, ...options })).images
        return image?.ok ? image.digest : undefined
      }
      assert.equal(await digestOf({}), before.root.digest)
      assert.equal(await digestOf({ pull: 'newer' }), after.root.digest)
      assert.equal(await digestOf({ pull: 'never' }), before.root.digest)
      const [both] = (await cache.planWarm([name], { platforms: PLATFORMS })).images
      assert.ok(both?.ok && both.fetchBytes > 0 && both.presentBytes > 0)
      assert.deepEqual(both.platforms, ['linux/amd64', 'linux/arm64/v8'])
    })

    it('reports what would fail', async () => {
      await add('a:1')
      const names = [`${registry.host}/a:1`, `${registry.host}/none:1`]
      const { images, totals } = await cache.planWarm(names, { platforms: ['linux/s390x'] })
      assert.deepEqual(images.map(codeOf), ['PLATFORM_UNKNOWN', 'NAME_UNKNOWN'])
      assert.deepEqual([totals.images, totals.failed], [2, 2])
      assert.deepEqual((await cache.planWarm(names, { pull: 'never' })).images.map(codeOf), [
        'REFERENCE_UNKNOWN',
        'REFERENCE_UNKNOWN',
      ])
    })
  })

  describe('with a lock', () => {
    it('pulls what was locked after the tag has moved; the update says what moved', async () => {
      const { host } = registry
      const [one, two] = [await add('a:1', 'one'), await add('b:1', 'two', ['linux/amd64'])]
      const list = await file('list.txt', `${host}/a:1\n${host}/b:1\n`)
      const output = join(folder, 'hearth.lock')
      const report = await cache.lock([], { files: [list], output })
      assert.deepEqual([report.written, report.failures, report.changes], [output, [], []])
      assert.deepEqual(JSON.parse(await readFile(output, 'utf8')), {
        version: 1,
        images: {
          [`${host}/a:1`]: {
            ...one.root,
            platforms: Object.fromEntries(
              [...one.platforms].map(([name, { manifest }]) => [
                name,
                { digest: manifest.digest, size: manifest.size },
              ]),
            ),
          },
          [`${host}/b:1`]: { ...two.root, platforms: {} },
        },
      })

      const moved = await add('a:1', 'moved')
      const { results } = await cache.warm([], { ...OWN, files: [list], locked: output })
      assert.deepEqual(results.map(codeOf), ['ok', 'ok'])
      assert.deepEqual(await namesIn(), [
        [`${host}/a:1`, one.root.digest],
        [`${host}/b:1`, two.root.digest],
      ])
      for (const digest of digestsOf(moved, ['linux/amd64'])) {
        assert.equal(registry.requestsFor({ digest }).length, 0)
      }

      await add('c:1', 'three')
      const more = await file('more.txt', `${host}/a:1\n${host}/c:1\n`)
      const update = await cache.lock([], { files: [more], output, update: true })
      assert.deepEqual(
        update.changes.map(({ kind, reference, digest }) => [kind, reference, digest]),
        [
          ['changed', `${host}/a:1`, moved.root.digest],
          ['removed', `${host}/b:1`, two.root.digest],
          ['added', `${host}/c:1`, update.lock.images[`${host}/c:1`]?.digest],
        ],
      )
    })

    it('resolves the names of the lock itself when nothing else is named, and leaves the same text alone', async () => {
      const { host } = registry
      await add('a:1', 'one')
      const output = join(folder, 'hearth.lock')
      await cache.lock([`${host}/a:1`], { output })
      const before = await stat(output)
      const same = await cache.lock([], { output, update: true })
      assert.deepEqual([same.changes, (await stat(output)).ino], [[], before.ino])
      const moved = await add('a:1', 'moved')
      const { changes } = await cache.lock([], { output, update: true })
      assert.deepEqual(
        changes.map(({ kind, digest }) => [kind, digest]),
        [['changed', moved.root.digest]],
      )
      assert.deepEqual((await cache.lock([], { output, update: true })).changes, [])
    })

    it('fails before anything is fetched when the lock lacks a name', async () => {
      await add('a:1')
      const { host } = registry
      const locked = join(folder, 'hearth.lock')
      await cache.lock([`${host}/a:1`], { output: locked })
      registry.requests.length = 0
      const names = [`${host}/a:1`, `${host}/b:1`, `${host}/c:1`]
      await assert.rejects(cache.warm(names, { locked }), (error) => {
        assert.ok(isHearthError(error, 'LOCK_MISSING'))
        assert.deepEqual([error.details.missing, error.details.references], [2, names.slice(1).join(', ')])
        return true
      })
      await fails(cache.planWarm(names, { locked }), 'LOCK_MISSING')
      assert.equal(registry.requests.length, 0)
      assert.equal(existsSync(cache.path), false)
    })

    it('pulls all of its images when none is named, and takes it for a list as well', async () => {
      const { host } = registry
      const [one, two] = [await add('a:1', 'one'), await add('b:1', 'two')]
      const locked = join(folder, 'hearth.lock')
      await cache.lock([`${host}/b:1`, `${host}/a:1`], { output: locked })
      await add('a:1', 'moved')
      const expected = [
        [`${host}/a:1`, one.root.digest],
        [`${host}/b:1`, two.root.digest],
      ]
      await cache.warm([], { ...OWN, locked })
      assert.deepEqual(await namesIn(), expected)
      await cache.clean()
      await cache.warm([], { ...OWN, files: [locked] })
      assert.deepEqual(await namesIn(), expected)
    })

    it('moves a name back that is here under a newer digest', async () => {
      const name = `${registry.host}/a:1`
      const one = await add('a:1', 'one')
      const locked = join(folder, 'hearth.lock')
      await cache.lock([name], { output: locked })
      await add('a:1', 'moved')
      await cache.warm([name], OWN)
      await cache.warm([name], { ...OWN, locked })
      assert.deepEqual(await namesIn(), [[name, one.root.digest]])
    })
  })

  describe('lock', () => {
    it('writes nothing when a name fails, and says which', async () => {
      await add('a:1')
      const output = await file('hearth.lock', '{"version": 1, "images": {}}')
      const report = await cache.lock([`${registry.host}/a:1`, `${registry.host}/none:1`], { output })
      assert.deepEqual([report.written, report.failures.map(codeOf)], [undefined, ['NAME_UNKNOWN']])
      assert.equal(await readFile(output, 'utf8'), '{"version": 1, "images": {}}')
    })

    it('locks the platforms that are named, else all, also those of an index within the index', async () => {
      const image = await anImage({ platforms: [...PLATFORMS, 'linux/arm/v7'], root: 'nested', attestations: true })
      const name = registry.add(image, 'a', '1')
      const platformsOf = async (options: Parameters<Cache['lock']>[1]) =>
        Object.keys((await cache.lock([name], options)).lock.images[name]?.platforms ?? {})
      assert.deepEqual(await platformsOf({}), ['linux/amd64', 'linux/arm/v7', 'linux/arm64/v8'])
      assert.deepEqual(await platformsOf({ platforms: ['arm64'] }), ['linux/arm64/v8'])
      const { failures } = await cache.lock([name], { platforms: ['linux/s390x'] })
      assert.deepEqual(failures.map(codeOf), ['PLATFORM_UNKNOWN'])
    })

    it('fetches no blob, and needs no cache', async () => {
      await add('a:1')
      await cache.lock([`${registry.host}/a:1`])
      assert.equal(registry.requestsFor({ kind: 'blob' }).length, 0)
      assert.equal(existsSync(cache.path), false)
    })

    it('refuses to update what is no lock', async () => {
      const output = await file('hearth.lock', 'alpine\n')
      await fails(cache.lock([], { output, update: true }), 'INPUT_INVALID')
    })
  })

  it('ends with ABORTED when it is stopped, at whatever it does', async () => {
    await add('a:1')
    const { host } = registry
    registry.always({}, steps.delayed(new Promise(() => {})))
    const files = [await file('sync.yml', `${host}:\n  images:\n    a: []\n`)]
    for (const run of [
      (signal: AbortSignal) => cache.warm([], { files, signal }),
      (signal: AbortSignal) => cache.warm([`${host}/a:1`], { signal }),
      (signal: AbortSignal) => cache.planWarm([`${host}/a:1`], { signal }),
      (signal: AbortSignal) => cache.lock([`${host}/a:1`], { signal }),
    ]) {
      const stopping = new AbortController()
      const asked = registry.nextRequest()
      const running = fails(run(stopping.signal), 'ABORTED')
      await asked
      stopping.abort()
      await running
    }
  })
})
