import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { EventLog, HeldLog } from '../../src/log/event-log.js'
import { EMPTY_HEAD, type HearthEvent } from '../../src/log/events.js'
import { applyAll, emptyIndex, type IndexState, withFlushes } from '../../src/log/projection.js'
import { headOf } from '../../src/log/record.js'
import { aDigest, blobCommitted, blobRemoved, readAll, referenceRemoved, referenceSet } from '../support/a-log.js'

/** An adapter's test file is one call to this, and then what is special about the adapter. */
export function eventLogContract(name: string, open: () => Promise<EventLog>): void {
  const withLog = (work: (log: EventLog) => Promise<void>) => async (): Promise<void> => {
    const log = await open()
    try {
      await work(log)
    } finally {
      await log.close()
    }
  }

  describe(`${name} keeps the EventLog contract: appending`, () => {
    it(
      'begins empty',
      withLog(async (log) => {
        assert.deepEqual(await readAll(log.read(0)), [])
        assert.deepEqual(await stateOf(log), emptyIndex)
      }),
    )

    it(
      'gives back what was appended, from any position',
      withLog(async (log) => {
        const records = [...(await log.append(EVENTS.slice(0, 3), 0)), ...(await log.append(EVENTS.slice(3), 3))]
        assert.deepEqual(
          records.map(({ position, type }) => [position, type]),
          EVENTS.map(({ type }, index) => [index + 1, type]),
        )
        for (let from = 0; from <= records.length; from++) {
          assert.deepEqual(await readAll(log.read(from)), records.slice(from))
          assert.deepEqual(await log.hold((held) => readAll(held.read(from))), records.slice(from))
        }
      }),
    )

    it(
      'chains every record to the one before it',
      withLog(async (log) => {
        await log.append(EVENTS, 0)
        const { head } = applyAll(emptyIndex, await readAll(log.read(0)))
        assert.equal(head.position, EVENTS.length)
      }),
    )

    it(
      'reads nothing behind its end',
      withLog(async (log) => {
        await log.append(EVENTS, 0)
        assert.deepEqual(await readAll(log.read(EVENTS.length + 5)), [])
      }),
    )

    it(
      'refuses an append based on an old position, and writes nothing',
      withLog(async (log) => {
        const first = await log.append([blobRemoved('a')], 0)
        await assert.rejects(log.append([blobRemoved('b')], 0), (error) => isHearthError(error, 'LOG_CONFLICT'))
        await assert.rejects(log.append([blobRemoved('b')], 2), (error) => isHearthError(error, 'LOG_CONFLICT'))
        assert.deepEqual(await readAll(log.read(0)), first)
      }),
    )

    it(
      'lets one of two appends at the same position win',
      withLog(async (log) => {
        const results = await Promise.allSettled([log.append([blobRemoved('a')], 0), log.append([blobRemoved('b')], 0)])
        assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
        assert.equal((await readAll(log.read(0))).length, 1)
      }),
    )

    it(
      'appends nothing for no events',
      withLog(async (log) => {
        assert.deepEqual(await log.append([], 0), [])
        assert.deepEqual(await readAll(log.read(0)), [])
      }),
    )

    it(
      'gives every record an id of its own',
      withLog(async (log) => {
        await log.append(EVENTS, 0)
        const ids = (await readAll(log.read(0))).map(({ id }) => id)
        assert.equal(new Set(ids).size, EVENTS.length)
      }),
    )
  })

  describe(`${name} keeps the EventLog contract: holding`, () => {
    it(
      'sees its own appends within a hold',
      withLog((log) =>
        log.hold(async (held) => {
          assert.deepEqual(held.head, EMPTY_HEAD)
          const records = await held.append([referenceSet('app:1'), blobCommitted('x')])
          assert.deepEqual(held.head, headOf(records[1] ?? EMPTY_HEAD))
          assert.equal((await held.reference('app:1'))?.position, 1)
          assert.deepEqual([...(await held.blobs([aDigest('x'), aDigest('y')])).keys()], [aDigest('x')])
        }),
      ),
    )

    it(
      'lets one hold at a time in',
      withLog(async (log) => {
        let inside = 0
        const holds = Array.from({ length: 10 }, () =>
          log.hold(async (held) => {
            assert.equal(++inside, 1)
            await held.append([blobRemoved('a')])
            await held.references()
            inside--
          }),
        )
        await Promise.all(holds)
        assert.equal((await readAll(log.read(0))).length, 10)
      }),
    )

    it(
      'orders a hundred appends at once without a gap',
      withLog(async (log) => {
        await Promise.all(
          Array.from({ length: 100 }, (_, n) => log.hold((held) => held.append([blobCommitted(`blob ${n}`)]))),
        )
        const records = await readAll(log.read(0))
        assert.equal(applyAll(emptyIndex, records).blobs.size, 100)
        assert.deepEqual(await stateOf(log), seen(applyAll(emptyIndex, records)))
      }),
    )

    it(
      'passes on what the work throws, and goes on',
      withLog(async (log) => {
        const reason = new RangeError('of the work')
        await assert.rejects(
          log.hold(() => Promise.reject(reason)),
          (error) => error === reason,
        )
        assert.equal((await log.append([blobRemoved('a')], 0)).length, 1)
      }),
    )

    it(
      'is of no use after the hold',
      withLog(async (log) => {
        let kept: HeldLog | undefined
        await log.hold(async (held) => {
          kept = held
        })
        assert.ok(kept)
        await assert.rejects(kept.append([blobRemoved('a')]), TypeError)
        assert.deepEqual(await readAll(log.read(0)), [])
      }),
    )

    it(
      'answers every question as the fold of the log does',
      withLog(async (log) => {
        for (const event of EVENTS) {
          const { position } = await log.hold(async (held) => held.head)
          await log.append([event], position)
          assert.deepEqual(await stateOf(log), seen(applyAll(emptyIndex, await readAll(log.read(0)))))
        }
        await log.hold(async (held) => {
          assert.equal(await held.reference('app:1'), undefined)
          assert.equal((await held.reference('app:2'))?.origin, 'pulled')
        })
      }),
    )

    it(
      'takes a name for what it is, whatever it looks like',
      withLog(async (log) => {
        const names = ['!blobs!', '~', ' head', '', 'Ünïcödé\u0000\uffff', '__proto__', `@${aDigest('x')}`]
        await log.append(
          names.map((name) => referenceSet(name)),
          0,
        )
        await log.hold(async (held) => {
          assert.deepEqual(new Set((await held.references()).keys()), new Set(names))
          for (const name of names) assert.equal((await held.reference(name))?.descriptor.digest, aDigest(name))
        })
      }),
    )
  })

  describe(`${name} keeps the EventLog contract: waiting`, () => {
    it(
      'says at once that the log is beyond a position',
      withLog(async (log) => {
        await log.append([blobRemoved('a'), blobRemoved('b')], 0)
        await log.changed(0)
        await log.changed(1)
      }),
    )

    it(
      'waits for an append, and keeps nobody from it',
      withLog(async (log) => {
        await log.append([blobRemoved('a')], 0)
        let changed = false
        const waiting = log.changed(1).then(() => {
          changed = true
        })
        await log.hold(async () => undefined)
        assert.equal(changed, false)
        await log.append([blobRemoved('b')], 1)
        await waiting
      }),
    )

    it(
      'ends with its signal',
      withLog(async (log) => {
        const controller = new AbortController()
        const waiting = log.changed(0, { signal: controller.signal })
        controller.abort()
        await assert.rejects(waiting, (error) => isHearthError(error, 'ABORTED'))
      }),
    )

    it('ends when the log is closed', async () => {
      const log = await open()
      const waiting = log.changed(0)
      const ended = assert.rejects(waiting, (error) => isHearthError(error, 'ABORTED'))
      await log.close()
      await ended
    })
  })

  describe(`${name} keeps the EventLog contract: ending`, () => {
    it(
      'leaves the queue when the signal says so, and writes nothing',
      withLog(async (log) => {
        const controller = new AbortController()
        const first = log.hold(async (held) => {
          controller.abort()
          await held.append([blobRemoved('a')])
        })
        const second = log.append([blobRemoved('b')], 1, { signal: controller.signal })
        await assert.rejects(second, (error) => isHearthError(error, 'ABORTED'))
        await first
        assert.equal((await readAll(log.read(0))).length, 1)
      }),
    )

    it(
      'does not begin when the signal is aborted already',
      withLog(async (log) => {
        const signal = AbortSignal.abort()
        await assert.rejects(log.append([blobRemoved('a')], 0, { signal }), (error) => isHearthError(error, 'ABORTED'))
        await assert.rejects(readAll(log.read(0, { signal })), (error) => isHearthError(error, 'ABORTED'))
      }),
    )

    it('refuses work once it is closed, twice if need be', async () => {
      const log = await open()
      await log.append([blobRemoved('a')], 0)
      await log.close()
      await log.close()
      await assert.rejects(log.append([blobRemoved('b')], 1), (error) => isHearthError(error, 'ABORTED'))
      await assert.rejects(readAll(log.read(0)), (error) => isHearthError(error, 'ABORTED'))
    })

    it('finishes the hold that is running when it is closed', async () => {
      const log = await open()
      let closing: Promise<void> | undefined
      const records = await log.hold((held) => {
        closing = log.close()
        return held.append([blobRemoved('a')])
      })
      assert.equal(records.length, 1)
      await closing
    })
  })
}

/** One of each type, and each kind of overwriting. */
const EVENTS: readonly HearthEvent[] = [
  blobCommitted('a', { mediaType: 'application/octet-stream' }),
  blobCommitted('b', { durable: false }),
  referenceSet('app:1'),
  blobCommitted('a', { mtimeMs: 5 }),
  referenceSet('app:2', { origin: 'adopted', platforms: [] }),
  referenceSet('app:2', { platforms: ['linux/arm64/v8', 'linux/amd64'] }),
  blobRemoved('b'),
  blobRemoved('never there'),
  referenceRemoved('app:1'),
  referenceRemoved('never there'),
  blobCommitted('c'),
  { type: 'RemovalPlanned', digests: [aDigest('a'), aDigest('z')] },
  { type: 'RemovalPlanned', digests: [aDigest('c')] },
  { type: 'RemovalFinished', plan: 12 },
  blobCommitted('a'),
  blobCommitted('d', { durable: false }),
  { type: 'BlobsFlushed', through: 16, boot: 'boot' },
  blobCommitted('e', { durable: false }),
  blobCommitted('f', { durable: false, boot: 'another boot' }),
  { type: 'ReferencePinned', reference: 'app:2' },
  { type: 'ReferencePinned', reference: 'app:2' },
  referenceSet('app:2', { platforms: ['linux/amd64'] }),
  { type: 'ReferenceUnpinned', reference: 'app:2' },
  { type: 'ReferenceUnpinned', reference: 'never there' },
  { type: 'ReferencePinned', reference: 'app:3' },
  { type: 'ReferenceRemoved', reference: 'app:3', reason: 'evicted' },
]

async function stateOf(log: EventLog): Promise<IndexState> {
  return log.hold(async (held) => ({
    head: held.head,
    blobs: await held.allBlobs(),
    references: await held.references(),
    pins: await held.pins(),
    archives: await held.archives(),
    removals: await held.unfinishedRemovals(),
    flushes: await held.flushes(),
  }))
}

/** What readers of the log see of a state: flushes are counted in. */
function seen(state: IndexState): IndexState {
  return { ...state, blobs: new Map([...state.blobs].map(([key, blob]) => [key, withFlushes(blob, state.flushes)])) }
}
