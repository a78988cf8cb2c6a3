import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, HearthError, isHearthError } from '../../src/errors.js'
import type { Digest } from '../../src/oci/digest.js'
import type { Reference } from '../../src/oci/reference.js'
import { MemoryRegistry, type MemoryRegistryOptions } from '../../src/registry/memory-registry.js'
import { uploadsContract } from '../contract/uploads.contract.js'
import { anImage } from '../support/an-image.js'

const IMAGE = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
const REFERENCE: Reference = { registry: 'registry.test:5000', repository: 'team/app', tag: '1' }
const [LAYER] = IMAGE.platforms.get('linux/amd64')?.layers ?? []
const LAYER_DIGEST = LAYER?.digest as Digest

function aRegistry(options?: MemoryRegistryOptions): MemoryRegistry {
  const registry = new MemoryRegistry(options)
  registry.add(REFERENCE, IMAGE)
  return registry
}

function failsWith(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => isHearthError(error, code))
}

describe('memory registry', () => {
  it('resolves a tag to the root, and serves its bytes', async () => {
    const registry = aRegistry()
    assert.deepEqual(await registry.resolve(REFERENCE), IMAGE.root)
    const { descriptor, bytes } = await registry.manifest(REFERENCE)
    assert.deepEqual(descriptor, IMAGE.root)
    assert.deepEqual(bytes, IMAGE.blobs.get(IMAGE.root.digest))
  })

  it('takes the digest that was asked for, else the reference’s own, before the tag', async () => {
    const registry = aRegistry()
    const [child, other] = [...IMAGE.platforms.values()].map(({ manifest }) => manifest.digest)
    const pinned = { ...REFERENCE, digest: child as Digest }
    assert.equal((await registry.manifest(pinned)).descriptor.digest, child)
    assert.equal((await registry.manifest(pinned, { digest: other as Digest })).descriptor.digest, other)
  })

  it('serves the blobs of its own sources', async () => {
    const registry = aRegistry()
    const [source] = await registry.blobSources(REFERENCE, LAYER_DIGEST)
    assert.equal(source?.host, REFERENCE.registry)
    assert.ok(source !== undefined)
    assert.deepEqual(await registry.readBlob(source), IMAGE.blobs.get(LAYER_DIGEST))
  })

  it('moves a tag when an image is added under it again', async () => {
    const registry = aRegistry()
    const newer = await anImage({ seed: 'newer' })
    registry.add(REFERENCE, newer)
    assert.equal((await registry.resolve(REFERENCE)).digest, newer.root.digest)
    assert.equal((await registry.resolve({ ...REFERENCE, digest: IMAGE.root.digest })).digest, IMAGE.root.digest)
  })

  it('lists the tags of a repository', async () => {
    const registry = aRegistry()
    registry.add({ ...REFERENCE, tag: '2' }, IMAGE)
    assert.deepEqual(await registry.tags(REFERENCE), ['1', '2'])
    await failsWith(registry.tags({ ...REFERENCE, repository: 'other' }), 'NAME_UNKNOWN')
  })

  it('says which thing it does not know', async () => {
    const registry = aRegistry()
    await failsWith(registry.resolve({ ...REFERENCE, repository: 'other' }), 'NAME_UNKNOWN')
    await failsWith(registry.resolve({ ...REFERENCE, registry: 'other' }), 'NAME_UNKNOWN')
    await failsWith(registry.resolve({ ...REFERENCE, tag: '2' }), 'MANIFEST_UNKNOWN')
    await failsWith(registry.manifest(REFERENCE, { digest: LAYER_DIGEST }), 'MANIFEST_UNKNOWN')
    const [source] = await registry.blobSources({ ...REFERENCE, repository: 'other' }, LAYER_DIGEST)
    assert.ok(source !== undefined)
    await failsWith(registry.readBlob(source), 'BLOB_UNKNOWN')
  })

  it('remembers every call', async () => {
    const registry = aRegistry()
    await registry.resolve(REFERENCE)
    await registry.manifest(REFERENCE, { digest: IMAGE.root.digest })
    const [source] = await registry.blobSources(REFERENCE, LAYER_DIGEST)
    assert.ok(source !== undefined)
    await registry.readBlob(await registry.reauthorize(source, 'Bearer'))
    const place = { host: REFERENCE.registry, repository: REFERENCE.repository }
    assert.deepEqual(registry.requests, [
      { step: 'resolve', ...place },
      { step: 'manifest', ...place, digest: IMAGE.root.digest },
      { step: 'token', ...place, digest: LAYER_DIGEST },
      { step: 'blob', ...place, digest: LAYER_DIGEST, authorization: 'Bearer memory-1' },
    ])
  })

  it('fails and waits as its owner says', async () => {
    const failures: ErrorCode[] = ['REGISTRY_UNAVAILABLE', 'TIMEOUT']
    const registry = aRegistry({
      before: async ({ host }) => {
        const code = failures.shift()
        if (code !== undefined) throw new HearthError(code, 'as the test says', { host })
      },
    })
    await failsWith(registry.resolve(REFERENCE), 'REGISTRY_UNAVAILABLE')
    await failsWith(registry.manifest(REFERENCE), 'TIMEOUT')
    assert.equal((await registry.resolve(REFERENCE)).digest, IMAGE.root.digest)
  })

  it('stops when the signal says so, before and during a call', async () => {
    const controller = new AbortController()
    const registry = aRegistry({ before: () => controller.abort() })
    await failsWith(registry.resolve(REFERENCE, { signal: controller.signal }), 'ABORTED')
    assert.equal(registry.requests.length, 1)
    await failsWith(registry.manifest(REFERENCE, { signal: controller.signal }), 'ABORTED')
    await failsWith(registry.blobSources(REFERENCE, LAYER_DIGEST, { signal: controller.signal }), 'ABORTED')
    assert.equal(registry.requests.length, 1)
  })
})

uploadsContract('MemoryUploads', async () => ({ registry: new MemoryRegistry(), host: 'registry.test:5000' }))
