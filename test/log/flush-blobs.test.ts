import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { HearthError } from '../../src/errors.js'
import type { HearthEvent } from '../../src/log/events.js'
import { type FlushDeps, flushBlobs } from '../../src/log/flush-blobs.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDigest, blobCommitted } from '../support/a-log.js'

const relaxed = (name: string, boot = 'boot') => blobCommitted(name, { durable: false, boot })

describe('flushBlobs', () => {
  let log: MemoryEventLog
  let flushed: Digest[][]
  let deps: FlushDeps

  beforeEach(() => {
    log = new MemoryEventLog()
    flushed = []
    deps = { log, boot: 'boot', flush: async (digests) => void flushed.push([...digests]) }
  })
  const record = (...events: readonly HearthEvent[]) => log.hold((held) => held.append(events))

  it('flushes what this boot committed without an fsync, and records up to where', async () => {
    await record(relaxed('a'), blobCommitted('b'), relaxed('c', 'earlier'), relaxed('d'))
    assert.equal(await flushBlobs(deps), 2)
    assert.deepEqual(flushed, [[aDigest('a'), aDigest('d')]])
    assert.deepEqual(log.state.flushes, new Map([['boot', 4]]))
  })

  it('does nothing when there is nothing, or nothing new', async () => {
    await record(blobCommitted('a'))
    assert.equal(await flushBlobs(deps), 0)
    await record(relaxed('b'))
    await flushBlobs(deps)
    const { position } = log.state.head
    assert.equal(await flushBlobs(deps), 0)
    assert.deepEqual([flushed.length, log.state.head.position], [1, position])
  })

  it('does not cover what is committed while it flushes', async () => {
    await record(relaxed('a'))
    await flushBlobs({ ...deps, flush: async () => void (await record(relaxed('b'))) })
    assert.deepEqual(log.state.flushes, new Map([['boot', 1]]))
    await flushBlobs(deps)
    assert.deepEqual(flushed, [[aDigest('b')]])
  })

  it('never takes back what another process has flushed meanwhile', async () => {
    await record(relaxed('a'))
    await flushBlobs({
      ...deps,
      flush: async () => void (await record({ type: 'BlobsFlushed', through: 9, boot: 'boot' })),
    })
    assert.deepEqual(log.state.flushes, new Map([['boot', 9]]))
  })

  it('records nothing when the disk refuses', async () => {
    await record(relaxed('a'))
    const refused = new HearthError('STORE_FAILED', 'EIO')
    await assert.rejects(flushBlobs({ ...deps, flush: () => Promise.reject(refused) }), refused)
    assert.equal(log.state.flushes.size, 0)
  })
})
