import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { inspectImage } from '../../src/inventory/inspect.js'
import type { InspectedNode } from '../../src/inventory/reports.js'
import { aDescriptorOf } from '../support/a-log.js'
import { anImage, digestsOf } from '../support/an-image.js'
import { ACache } from './a-cache.js'

function flatten(node: InspectedNode): InspectedNode[] {
  return [node, ...node.children.flatMap(flatten)]
}

function sizeOf(blobs: ReadonlyMap<string, Uint8Array>, digests: Iterable<string>): number {
  return [...digests].reduce((sum, digest) => sum + (blobs.get(digest)?.length ?? 0), 0)
}

describe('inspectImage', () => {
  it('shows a plain image as manifest, config and layers in their order', async () => {
    const blobs = new MemoryBlobStore()
    const image = await anImage({ layers: [{}, {}, {}] })
    await new ACache(blobs).store('app', image)
    const { reference, root, totalBytes, presentBytes } = await inspectImage('app', image.root, { blobs })
    const built = image.platforms.get('linux/amd64')
    assert.equal(reference, 'app')
    assert.equal(root.kind, 'manifest')
    assert.deepEqual(
      root.children.map(({ kind, descriptor }) => [kind, descriptor.digest]),
      [['config', built?.config.digest], ...(built?.layers ?? []).map(({ digest }) => ['layer', digest])],
    )
    assert.ok(flatten(root).every(({ present }) => present))
    assert.equal(totalBytes, sizeOf(image.blobs, image.blobs.keys()))
    assert.equal(presentBytes, totalBytes)
  })

  it('shows the platforms of a sparse index that were not pulled as not present', async () => {
    const blobs = new MemoryBlobStore()
    const image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'], root: 'index' })
    await new ACache(blobs).store('app', image, { platforms: ['linux/amd64'] })
    const { root, presentBytes } = await inspectImage('app', image.root, { blobs })
    assert.equal(root.kind, 'index')
    assert.deepEqual(
      root.children.map(({ descriptor, present, children }) => [
        descriptor.platform?.architecture,
        present,
        children.length,
      ]),
      [
        ['amd64', true, 2],
        ['arm64', false, 0],
      ],
    )
    assert.equal(presentBytes, sizeOf(image.blobs, digestsOf(image, ['linux/amd64'])))
  })

  it('shows nested indexes, and a shared layer under each of its manifests but counted once', async () => {
    const blobs = new MemoryBlobStore()
    const platforms = ['linux/amd64', 'linux/arm64', 'linux/s390x']
    const image = await anImage({ platforms, root: 'nested', layers: [{ everyPlatform: true }] })
    await new ACache(blobs).store('app', image)
    const { root, totalBytes } = await inspectImage('app', image.root, { blobs })
    assert.deepEqual(root.children.map(({ kind }) => kind).sort(), ['index', 'manifest'])
    assert.equal(flatten(root).filter(({ kind }) => kind === 'layer').length, 3)
    assert.equal(totalBytes, sizeOf(image.blobs, image.blobs.keys()))
  })

  it('shows a root of an unknown type as one opaque node', async () => {
    const blobs = new MemoryBlobStore()
    const root = aDescriptorOf('thing', { mediaType: 'application/vnd.example.thing' })
    await blobs.commit([await blobs.stage(root.digest, Buffer.from('thing'))])
    const inspection = await inspectImage('thing', root, { blobs })
    assert.deepEqual(inspection.root, { kind: 'opaque', descriptor: root, present: true, children: [] })
  })

  it('shows layers that are missing or of another size, and damaged manifests, as not present', async () => {
    const blobs = new MemoryBlobStore()
    const image = await anImage({ layers: [{}, {}, {}] })
    await new ACache(blobs).store('app', image)
    const { layers, manifest } = image.platforms.get('linux/amd64') ?? assert.fail()
    await blobs.remove([layers[0]?.digest ?? assert.fail()])
    blobs.put(blobs.pathOf(layers[1]?.digest ?? assert.fail()), Buffer.from('short'))
    const { root } = await inspectImage('app', image.root, { blobs })
    assert.deepEqual(
      root.children.map(({ present }) => present),
      [true, false, false, true],
    )
    const bytes = image.blobs.get(manifest.digest) ?? assert.fail()
    blobs.put(
      blobs.pathOf(manifest.digest),
      bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)),
    )
    const damaged = await inspectImage('app', image.root, { blobs })
    assert.deepEqual([damaged.root.present, damaged.root.children], [false, []])
  })

  it('shows an image of which nothing is left', async () => {
    const image = await anImage()
    const { root, presentBytes } = await inspectImage('app', image.root, { blobs: new MemoryBlobStore() })
    assert.deepEqual([root.kind, root.present, presentBytes], ['manifest', false, 0])
  })

  it('stops with ABORTED', async () => {
    const image = await anImage()
    const options = { blobs: new MemoryBlobStore(), signal: AbortSignal.abort() }
    await assert.rejects(inspectImage('app', image.root, options), (error) => isHearthError(error, 'ABORTED'))
  })
})
