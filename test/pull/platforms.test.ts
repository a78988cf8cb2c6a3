import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { parseManifest } from '../../src/oci/manifest.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { parsePlatform } from '../../src/oci/platform.js'
import { planImage, platformName } from '../../src/pull/plan.js'
import { parseWanted, plainPlatforms, withKnownPlatforms } from '../../src/pull/platforms.js'
import { aBlob } from '../support/a-blob.js'
import { anImage } from '../support/an-image.js'

const LINUX = { platform: 'linux', arch: 'x64' }

describe('parseWanted', () => {
  const names = (texts: readonly string[], host = LINUX) => {
    const wanted = parseWanted(texts, host)
    return wanted === 'all' ? wanted : wanted.map(platformName)
  }

  it('is the host’s own platform when nothing is asked for', () => {
    assert.deepEqual(names([]), ['linux/amd64'])
    assert.deepEqual(names([], { platform: 'linux', arch: 'arm64' }), ['linux/arm64/v8'])
    assert.deepEqual(names([], { platform: 'win32', arch: 'x64' }), ['windows/amd64'])
  })

  it('is what is asked for, in that order', () => {
    assert.deepEqual(names(['arm64', 'linux/arm/v6', 'windows/amd64:10.0']), [
      'linux/arm64/v8',
      'linux/arm/v6',
      'windows/amd64:10.0',
    ])
  })

  it('is everything as soon as one of them says `all`', () => {
    assert.equal(names(['linux/amd64', 'all']), 'all')
  })

  it('refuses what is no platform', () => {
    for (const text of ['', 'linux/', 'a/b/c/d', 'linux amd64']) {
      assert.throws(
        () => names([text]),
        (error) => isHearthError(error, 'PLATFORM_INVALID'),
      )
    }
  })
})

describe('withKnownPlatforms', async () => {
  const { digest, size } = await aBlob('root')
  const root = { mediaType: OCI_INDEX, digest, size }
  const other = { ...root, digest: (await aBlob('other')).digest }
  const wanted = [parsePlatform('linux/amd64')]
  const names = (known: readonly string[], current = root) => {
    const all = withKnownPlatforms(wanted, { descriptor: root, platforms: known }, current)
    return all === 'all' ? all : all.map(platformName)
  }

  it('adds what the same root has already', () => {
    assert.deepEqual(names(['linux/arm64/v8', 'linux/s390x']), ['linux/amd64', 'linux/arm64/v8', 'linux/s390x'])
  })

  it('names each platform once', () => {
    assert.deepEqual(names(['linux/amd64', 'linux/amd64/v1']), ['linux/amd64'])
  })

  it('forgets what an older root had', () => {
    assert.deepEqual(names(['linux/arm64/v8'], other), ['linux/amd64'])
  })

  it('is what is wanted when nothing is known', () => {
    assert.equal(withKnownPlatforms(wanted, undefined, root), wanted)
  })

  it('stays `all`', () => {
    assert.equal(withKnownPlatforms('all', { descriptor: root, platforms: ['linux/amd64'] }, root), 'all')
  })

  it('leaves out what another program wrote and is no platform', () => {
    assert.deepEqual(names(['', 'what?', 'linux/arm64']), ['linux/amd64', 'linux/arm64/v8'])
  })
})

describe('plainPlatforms', async () => {
  const { root, platforms, blobs } = await anImage()
  const bytes = blobs.get(root.digest) ?? assert.fail()
  const plan = planImage([{ descriptor: root, parsed: parseManifest(bytes, root.mediaType) }], 'all')
  const config = platforms.get('linux/amd64')?.config ?? assert.fail()

  it('is what the config says', async () => {
    const store = new MemoryBlobStore()
    store.put(store.pathOf(config.digest), blobs.get(config.digest) ?? assert.fail())
    assert.deepEqual(await plainPlatforms(plan, store), ['linux/amd64'])
  })

  it('is not taken for unknown when the config is damaged, or gone', async () => {
    const store = new MemoryBlobStore()
    await assert.rejects(plainPlatforms(plan, store), { code: 'BLOB_UNKNOWN' })
    store.put(store.pathOf(config.digest), Buffer.alloc(config.size))
    await assert.rejects(plainPlatforms(plan, store), { code: 'DIGEST_MISMATCH' })
  })
})
