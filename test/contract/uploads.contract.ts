import assert from 'node:assert/strict'
import { before, beforeEach, describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import type { Registry } from '../../src/registry/registry.js'
import type { Repository, UploadBody, UploadSession } from '../../src/registry/uploads.js'
import { anImage } from '../support/an-image.js'
import { seededBytes } from '../support/seeded-bytes.js'

/** An adapter under test. */
export interface UploadsUnderTest {
  readonly registry: Registry
  /** As it stands in references. */
  readonly host: string
}

const BYTES = seededBytes('to be pushed', 100_000)
const DIGEST = await digestBytes(BYTES)
const WRONG = await digestBytes(BYTES.subarray(1))
const IMAGE = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })

/** What every adapter of the Uploads port promises. */
export function uploadsContract(name: string, open: () => Promise<UploadsUnderTest>): void {
  describe(`${name} keeps the Uploads contract`, () => {
    let registry: Registry
    let place: Repository
    let other: Repository
    let opened: UploadsUnderTest
    let tests = 0
    before(async () => {
      opened = await open()
      registry = opened.registry
    })
    beforeEach(() => {
      tests += 1
      place = { registry: opened.host, repository: `team/app-${tests}` }
      other = { registry: opened.host, repository: `team/other-${tests}` }
    })

    const begin = async (): Promise<UploadSession> => {
      return (await registry.uploads.begin(place, { digest: DIGEST })) ?? assert.fail('nothing to mount')
    }

    it('has no blob before it was finished, and has it then', async () => {
      assert.equal(await registry.uploads.has(place, DIGEST), false)
      const session = await begin()
      assert.equal(session.offset, 0)
      const taken = await registry.uploads.append(session, body(BYTES))
      assert.equal(taken.offset, BYTES.length)
      assert.equal(await registry.uploads.has(place, DIGEST), false)
      await registry.uploads.finish(taken, DIGEST)
      assert.equal(await registry.uploads.has(place, DIGEST), true)
      assert.equal(await registry.uploads.has(other, DIGEST), false)
    })

    it('takes a blob in pieces, says how much it has, and takes the last one with the end', async () => {
      const { uploads } = registry
      const first = await uploads.append(await begin(), body(BYTES.subarray(0, 40_000)))
      assert.equal((await uploads.status(first)).offset, 40_000)
      const second = await uploads.append(await uploads.status(first), body(BYTES.subarray(40_000, 90_000)))
      await uploads.finish(second, DIGEST, { last: body(BYTES.subarray(90_000)) })
      assert.equal(await uploads.has(place, DIGEST), true)
    })

    it('takes a blob in one go, and one of no bytes', async () => {
      await registry.uploads.finish(await begin(), DIGEST, { last: body(BYTES) })
      assert.equal(await registry.uploads.has(place, DIGEST), true)
      const nothing = await digestBytes(new Uint8Array())
      await registry.uploads.finish(await begin(), nothing, { last: body(new Uint8Array()) })
      assert.equal(await registry.uploads.has(place, nothing), true)
    })

    it('refuses bytes that are not those of the digest', async () => {
      const session = await begin()
      await rejects(registry.uploads.finish(session, WRONG, { last: body(BYTES) }), 'DIGEST_MISMATCH')
      assert.equal(await registry.uploads.has(place, WRONG), false)
    })

    it('refuses a piece that does not follow what it has', async () => {
      const session = await registry.uploads.append(await begin(), body(BYTES.subarray(0, 10)))
      await rejects(registry.uploads.append({ ...session, offset: 20 }, body(BYTES.subarray(20, 30))), 'RANGE_INVALID')
    })

    it('does not go on with an upload that is finished, or was cancelled', async () => {
      const { uploads } = registry
      const finished = await begin()
      await uploads.finish(finished, DIGEST, { last: body(BYTES) })
      await rejects(uploads.status(finished), 'BLOB_UPLOAD_UNKNOWN')
      const cancelled = await begin()
      await uploads.cancel(cancelled)
      await uploads.cancel(cancelled)
      await rejects(uploads.append(cancelled, body(BYTES)), 'BLOB_UPLOAD_UNKNOWN')
    })

    it('mounts a blob that another repository has, and opens an upload for one that it lacks', async () => {
      const { uploads } = registry
      await uploads.finish(await begin(), DIGEST, { last: body(BYTES) })
      const mountFrom = place.repository
      assert.equal(await uploads.begin(other, { digest: DIGEST, mountFrom }), undefined)
      assert.equal(await uploads.has(other, DIGEST), true)
      const session = await uploads.begin(other, { digest: WRONG, mountFrom })
      assert.equal(session?.offset, 0)
    })

    it('publishes children before parents, and refuses a parent without them', async () => {
      const { uploads } = registry
      const root = manifestOf(IMAGE.root.digest)
      await rejects(uploads.publish(place, '1', { manifest: root }), 'BLOB_UNKNOWN')
      for (const { manifest, config, layers } of IMAGE.platforms.values()) {
        for (const { digest } of [config, ...layers]) await upload(digest)
        await uploads.publish(place, manifest.digest, { manifest: manifestOf(manifest.digest) })
      }
      await uploads.publish(place, '1', { manifest: root })
      assert.equal((await uploads.current(place, '1'))?.digest, IMAGE.root.digest)
      assert.equal((await uploads.current(place, IMAGE.root.digest))?.size, root.bytes.length)
      assert.equal(await uploads.current(place, '2'), undefined)
      assert.equal(await uploads.current(other, '1'), undefined)
      const reference = { ...place, tag: '1' }
      assert.equal((await registry.resolve(reference)).digest, IMAGE.root.digest)
      assert.deepEqual(new Uint8Array((await registry.manifest(reference)).bytes), new Uint8Array(root.bytes))
    })

    it('ends with ABORTED', async () => {
      await rejects(registry.uploads.has(place, DIGEST, { signal: AbortSignal.abort() }), 'ABORTED')
    })

    async function upload(digest: typeof DIGEST): Promise<void> {
      const session = await registry.uploads.begin(place, { digest })
      const bytes = IMAGE.blobs.get(digest) ?? assert.fail()
      await registry.uploads.finish(session ?? assert.fail(), digest, { last: body(bytes) })
    }
  })
}

/** In pieces, as they come from a disk. */
function body(bytes: Uint8Array): UploadBody {
  return {
    size: bytes.length,
    async *open() {
      for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000)
    },
  }
}

function manifestOf(digest: typeof DIGEST) {
  const { descriptor, bytes } = IMAGE.manifests.get(digest) ?? assert.fail()
  return { mediaType: descriptor.mediaType, bytes }
}

function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => isHearthError(error, code) || assert.fail(error as Error))
}
