import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory-blob-store.js'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { planPush } from '../../src/exchange/push-plan.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { anImage } from '../support/an-image.js'
import { BlobCollector } from '../support/blob-collector.js'

async function storeOf(blobs: ReadonlyMap<string, Uint8Array>): Promise<MemoryBlobStore> {
  const store = new MemoryBlobStore()
  for (const [digest, bytes] of blobs) await store.commit([await store.stage(digest as never, bytes)])
  return store
}

function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => isHearthError(error, code) || assert.fail(error as Error))
}

describe('planPush', () => {
  it('puts every manifest behind all that it points at, also where an index points at a neighbour', async () => {
    const blobs = new BlobCollector('sha256')
    const image = await anImage()
    const { manifest } = image.platforms.get('linux/amd64') ?? assert.fail()
    const inner = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [manifest] })
    const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [manifest, inner] })
    const store = await storeOf(new Map([...image.blobs, ...blobs.collected().blobs]))
    const { manifests } = await planPush(root, undefined, { blobs: store })
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [manifest.digest, inner.digest, root.digest],
    )
  })

  it('leaves out layers that registries may not hold', async () => {
    const blobs = new BlobCollector('sha256')
    const config = await blobs.add(Buffer.from('{"os":"windows","architecture":"amd64"}'), OCI_CONFIG)
    const own = await blobs.add(Buffer.from('a layer'), OCI_LAYER_GZIP)
    const foreign = { ...own, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', size: 5 }
    const layers = [{ ...foreign, digest: config.digest.replace(/.$/, '0') }, own]
    const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers })
    const { leaves } = await planPush(root, undefined, { blobs: await storeOf(blobs.collected().blobs) })
    assert.deepEqual(
      leaves.map(({ digest }) => digest),
      [config.digest, own.digest],
    )
  })

  it('finds out before anything is sent what is missing, damaged or of another size', async () => {
    const image = await anImage()
    const { manifest, layers } = image.platforms.get('linux/amd64') ?? assert.fail()
    const [layer = assert.fail()] = layers
    const plan = (store: MemoryBlobStore) => planPush(image.root, undefined, { blobs: store })
    const lost = await storeOf(image.blobs)
    await lost.remove([layer.digest])
    await rejects(plan(lost), 'BLOB_UNKNOWN')
    await lost.remove([manifest.digest])
    await rejects(plan(lost), 'BLOB_UNKNOWN')
    const short = await storeOf(image.blobs)
    short.put(short.pathOf(layer.digest), new Uint8Array(3))
    await rejects(plan(short), 'SIZE_MISMATCH')
    short.put(short.pathOf(manifest.digest), new Uint8Array(manifest.size))
    await rejects(plan(short), 'DIGEST_MISMATCH')
  })

  it('pushes a manifest of a type that hearth does not know as it is, and what is no manifest as a blob', async () => {
    const blobs = new BlobCollector('sha256')
    const unknown = await blobs.add(Buffer.from('{"anything":1}'), 'application/vnd.example.manifest+json')
    const blob = await blobs.add(Buffer.from('{"anything":2}'), 'application/vnd.example.thing+json')
    const root = await blobs.addManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [unknown, blob] })
    const { manifests, leaves } = await planPush(root, undefined, { blobs: await storeOf(blobs.collected().blobs) })
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [unknown.digest, root.digest],
    )
    assert.deepEqual(leaves, [blob])
  })
})
