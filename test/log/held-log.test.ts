import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { HeldLog } from '../../src/log/event-log.js'
import { appendAfter, lend } from '../../src/log/held-log.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { aDigest, blobCommitted, readAll, referenceSet } from '../support/a-log.js'

describe('a log that is lent', () => {
  it('is the log itself, as long as the work goes on', async () => {
    const log = new MemoryEventLog()
    await log.hold((held) =>
      lend(held, async (lent) => {
        await lent.append([blobCommitted('a'), referenceSet('app:1')])
        assert.deepEqual(lent.head, held.head)
        assert.deepEqual(await lent.allBlobs(), await held.allBlobs())
        assert.deepEqual(await lent.blobs([aDigest('a')]), await held.blobs([aDigest('a')]))
        assert.deepEqual(await lent.references(), await held.references())
        assert.deepEqual(await lent.reference('app:1'), await held.reference('app:1'))
        assert.deepEqual(await lent.unfinishedRemovals(), await held.unfinishedRemovals())
        assert.deepEqual(await readAll(lent.read(0)), await readAll(held.read(0)))
      }),
    )
  })

  it('answers nothing after the work, whether that succeeded or failed', async () => {
    const log = new MemoryEventLog()
    for (const end of [() => Promise.resolve(), () => Promise.reject(new RangeError())]) {
      let kept: HeldLog | undefined
      const work = log.hold((held) => {
        kept = held
        return end()
      })
      await Promise.allSettled([work])
      const lent = kept ?? assert.fail()
      assert.throws(() => lent.head, TypeError)
      for (const call of [
        () => lent.append([blobCommitted('a')]),
        () => lent.blobs([]),
        () => lent.allBlobs(),
        () => lent.references(),
        () => lent.reference('app:1'),
        () => lent.unfinishedRemovals(),
        () => readAll(lent.read(0)),
      ]) {
        await assert.rejects(call, TypeError)
      }
    }
    assert.equal(log.state.head.position, 0)
  })
})

describe('appending after a position', () => {
  it('says where the log is when it has moved on', async () => {
    const log = new MemoryEventLog()
    await log.append([blobCommitted('a')], 0)
    await assert.rejects(
      log.hold((held) => appendAfter(held, [blobCommitted('b')], 0)),
      (error) => isHearthError(error, 'LOG_CONFLICT') && error.details.position === 1 && error.details.expected === 0,
    )
  })
})
