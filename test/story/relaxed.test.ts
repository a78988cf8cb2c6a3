/** Blobs that were committed without an fsync, and a machine that was switched off. */
import assert from 'node:assert/strict'
import { chmod, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import type { HearthEvent } from '../../src/log/events.js'
import type { Digest } from '../../src/oci/digest.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { anImage } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { hearthOk } from '../support/hearth.js'
import { openParts } from '../support/open-parts.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const EARLIER = 'an earlier boot'

describe('hearth pull --durability relaxed', () => {
  let registry: RawRegistry
  let cache: string
  let name: string
  let layer: Digest

  beforeEach(async () => {
    registry = await startRawRegistry()
    const image = await anImage({ layers: [{ bytes: 50_000 }] })
    layer = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    name = registry.add(image, 'library/app', '1.0')
    cache = await tempDir()
    await pull()
  })
  afterEach(() => registry.close())

  const pull = () =>
    hearthOk(['pull', name, '--platform', 'linux/amd64', '--durability', 'relaxed', '--cache', cache, '--json'])
  const history = async (): Promise<HearthEvent[]> =>
    (await hearthOk(['log', '--json', '--cache', cache]))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  /** As if the layer had been committed before the last reboot, and then the events. */
  const record = async (...events: readonly ((position: number) => HearthEvent)[]) => {
    const { log } = await openParts(cache)
    const stat = (await new FsBlobStore(cache).stat(layer)) ?? assert.fail()
    const committed = { type: 'BlobCommitted', digest: layer, ...stat, durable: false, boot: EARLIER } as const
    await log.hold(async (held) => {
      const [{ position } = assert.fail()] = await held.append([committed])
      await held.append(events.map((event) => event(position)))
    })
    await log.close()
  }
  /** What a power cut makes of pages that were not written: the size and the time are right, the bytes are not. */
  const loseBytes = async () => {
    const path = join(cache, blobPath(layer))
    const { mtimeMs } = (await new FsBlobStore(cache).stat(layer)) ?? assert.fail()
    const bytes = await readFile(path)
    await chmod(path, 0o644)
    await writeFile(path, bytes.fill(0, 4096))
    await utimes(path, mtimeMs / 1000, mtimeMs / 1000)
    const kept = (await new FsBlobStore(cache).stat(layer))?.mtimeMs
    assert.equal(kept, mtimeMs, 'the time of modification could not be kept')
  }

  it('says of no blob that it is durable, and flushes them all at the end', async () => {
    const events = await history()
    const committed = events.filter((event) => event.type === 'BlobCommitted')
    assert.ok(committed.length > 0 && committed.every(({ durable }) => !durable))
    const last = events.findLast((event) => event.type === 'BlobsFlushed') ?? assert.fail('nothing was flushed')
    assert.ok(last.through >= events.findLastIndex(({ type }) => type === 'BlobCommitted') + 1)
    await hearthOk(['verify', '--cache', cache])
  })

  it('hashes after a reboot what was not flushed before it, and fetches what was lost again', async () => {
    await setWholeTime()
    await record()
    await loseBytes()
    const before = registry.blobRequests().get(layer)
    await pull()
    assert.equal(registry.blobRequests().get(layer), (before ?? 0) + 1)
    await soundBlobs(cache)
  })

  it('hashes it once, and fetches nothing when it is right', async () => {
    await record()
    await pull()
    assert.deepEqual(new Set(registry.blobRequests().values()), new Set([1]))
    const events = (await history()).filter((event) => event.type === 'BlobCommitted' && event.digest === layer)
    await pull()
    assert.deepEqual(
      (await history()).filter((event) => event.type === 'BlobCommitted' && event.digest === layer),
      events,
    )
  })

  it('trusts after a reboot what was flushed before it', async () => {
    await record((through) => ({ type: 'BlobsFlushed', through, boot: EARLIER }))
    const { length } = await history()
    await pull()
    assert.equal((await history()).length, length, 'nothing had to be hashed and recorded')
  })

  /** utimes() of Node takes seconds as a number: nanoseconds would be lost. */
  async function setWholeTime(): Promise<void> {
    await utimes(join(cache, blobPath(layer)), 1_700_000_000, 1_700_000_000)
  }
})
