import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { HearthEvent } from '../../src/log/events.js'
import { apply, applyAll, effectsOf, emptyIndex, withFlushes } from '../../src/log/projection.js'
import { headOf } from '../../src/log/record.js'
import {
  aDescriptorOf,
  aDigest,
  aLog,
  blobCommitted,
  blobRemoved,
  referenceRemoved,
  referenceSet,
} from '../support/a-log.js'

const LOG = aLog(
  blobCommitted('a'),
  blobCommitted('b', { mediaType: 'text/plain' }),
  referenceSet('app:1'),
  referenceSet('app:1', { origin: 'imported' }),
  blobRemoved('b'),
  referenceSet('app:2'),
  referenceRemoved('app:1'),
  { type: 'RemovalPlanned', digests: [aDigest('a')] },
  { type: 'RemovalFinished', plan: 8 },
  { type: 'ReferencePinned', reference: 'app:2' },
)

describe('the projection', () => {
  it('gives the same state from one replay as from any split of it', () => {
    for (let cut = 0; cut <= LOG.length; cut++) {
      assert.deepEqual(applyAll(applyAll(emptyIndex, LOG.slice(0, cut)), LOG), applyAll(emptyIndex, LOG))
    }
  })

  it('gives the same state record by record as at once', () => {
    assert.deepEqual(LOG.reduce(apply, emptyIndex), applyAll(emptyIndex, LOG))
  })

  it('skips what it has seen', () => {
    const state = applyAll(emptyIndex, LOG)
    assert.deepEqual(applyAll(state, LOG), state)
  })

  it('never changes the state it was given', () => {
    const before = applyAll(emptyIndex, LOG.slice(0, 4))
    const copy = structuredClone(before)
    applyAll(before, LOG)
    assert.deepEqual(before, copy)
    assert.equal(emptyIndex.blobs.size, 0)
  })

  it('accounts for the last record', () => {
    const last = LOG.at(-1)
    assert.ok(last)
    assert.deepEqual(applyAll(emptyIndex, LOG).head, headOf(last))
  })

  it('knows where and when a reference was set last', () => {
    const { references } = applyAll(emptyIndex, LOG.slice(0, 4))
    const { position, at, origin } = references.get('app:1') ?? {}
    assert.deepEqual({ position, at, origin }, { position: 4, at: LOG[3]?.at, origin: 'imported' })
  })

  it('refuses a log with a gap, at every place', () => {
    for (let gap = 0; gap < LOG.length - 1; gap++) {
      const torn = LOG.filter((_, index) => index !== gap)
      assert.throws(
        () => applyAll(emptyIndex, torn),
        (error) => isHearthError(error, 'LOG_CORRUPT'),
      )
    }
  })

  it('refuses a record of another history', () => {
    const other = aLog(blobRemoved('z'), blobRemoved('y'))
    assert.throws(
      () => applyAll(applyAll(emptyIndex, LOG.slice(0, 1)), other),
      (error) => isHearthError(error, 'LOG_CORRUPT'),
    )
  })

  it('refuses an event that a newer version recorded', () => {
    assert.throws(
      () => applyAll(emptyIndex, aLog({ type: 'BlobPolished' } as unknown as HearthEvent)),
      (error) => isHearthError(error, 'LOG_CORRUPT'),
    )
  })
})

describe('a pin', () => {
  const pinned = { type: 'ReferencePinned', reference: 'app:1' } as const
  const pinsAfter = (...events: readonly HearthEvent[]) => [...applyAll(emptyIndex, aLog(...events)).pins.keys()]

  it('stays when its name moves to another image', () => {
    const moved = referenceSet('app:1', { descriptor: aDescriptorOf('another') })
    assert.deepEqual(pinsAfter(referenceSet('app:1'), pinned, moved), ['app:1'])
  })

  it('goes when it is taken off, and with its name', () => {
    assert.deepEqual(pinsAfter(pinned, { type: 'ReferenceUnpinned', reference: 'app:1' }), [])
    assert.deepEqual(pinsAfter(pinned, referenceRemoved('app:1'), referenceSet('app:1')), [])
  })
})

describe('a planned removal', () => {
  const planned = aLog(blobCommitted('a'), blobCommitted('b'), {
    type: 'RemovalPlanned',
    digests: [aDigest('a'), aDigest('never there')],
  })

  it('makes its blobs absent at once, and stays open', () => {
    const { blobs, removals } = applyAll(emptyIndex, planned)
    assert.deepEqual([...blobs.keys()], [aDigest('b')])
    assert.deepEqual(removals, new Map([[3, [aDigest('a'), aDigest('never there')]]]))
  })

  it('does not take away what is committed after it', () => {
    const events = [
      blobCommitted('a'),
      { type: 'RemovalPlanned' as const, digests: [aDigest('a')] },
      blobCommitted('a'),
    ]
    const log = aLog(...events, { type: 'RemovalFinished', plan: 2 })
    const { blobs, removals } = applyAll(emptyIndex, log)
    assert.deepEqual([...blobs.keys()], [aDigest('a')])
    assert.equal(removals.size, 0)
  })
})

describe('the effects of a record', () => {
  it('keep no field that the event does not have', () => {
    const [recorded] = aLog(blobCommitted('a'))
    assert.ok(recorded)
    const [effect] = effectsOf(recorded)
    assert.deepEqual(Object.keys(effect?.value ?? {}), ['size', 'mtimeMs', 'durable', 'boot'])
  })
})

describe('a flush', () => {
  const relaxed = (name: string, boot = 'boot') => blobCommitted(name, { durable: false, boot })
  const durableIn = (...events: readonly HearthEvent[]): string[] => {
    const { blobs, flushes } = applyAll(emptyIndex, aLog(...events))
    const durable = [...blobs].filter(([, blob]) => withFlushes(blob, flushes).durable)
    return ['a', 'b', 'c'].filter((name) => durable.some(([digest]) => digest === aDigest(name)))
  }

  it('covers what was committed up to its position in its boot, and nothing else', () => {
    const flush = { type: 'BlobsFlushed', through: 2, boot: 'boot' } as const
    assert.deepEqual(durableIn(relaxed('a'), relaxed('b'), relaxed('c'), flush), ['a', 'b'])
    assert.deepEqual(durableIn(relaxed('a', 'earlier'), relaxed('b'), flush), ['b'])
    assert.deepEqual(durableIn(relaxed('a'), relaxed('b'), flush, relaxed('b')), ['a'])
    assert.deepEqual(durableIn(blobCommitted('a'), relaxed('b')), ['a'])
  })

  it('is known for each boot', () => {
    const flushes = [1, 5].map((through) => ({ type: 'BlobsFlushed', through, boot: 'boot' }) as const)
    const other = { type: 'BlobsFlushed', through: 2, boot: 'earlier' } as const
    assert.deepEqual(
      applyAll(emptyIndex, aLog(...flushes, other)).flushes,
      new Map([
        ['boot', 5],
        ['earlier', 2],
      ]),
    )
  })

  it('tells nothing of the position of what it shows', () => {
    const { blobs } = applyAll(emptyIndex, aLog(relaxed('a')))
    const shown = withFlushes(blobs.get(aDigest('a')) ?? assert.fail(), new Map())
    assert.deepEqual(Object.keys(shown).sort(), ['boot', 'durable', 'mtimeMs', 'size'])
  })
})
