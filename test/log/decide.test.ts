import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adopt, type IndexEntry } from '../../src/log/decide.js'
import type { HearthEvent } from '../../src/log/events.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { aDescriptorOf, aLog, referenceRemoved, referenceSet } from '../support/a-log.js'

describe('adopting what other tools did to index.json', () => {
  const one = anEntry('app:1')
  const two = anEntry('app:2')
  const moved = anEntry('app:1', 'moved')
  const movedByUs = anEntry('app:1', 'moved by us')

  it('needs no event when they did nothing', () => {
    assert.deepEqual(decide([one, two], [one, two], [one, two]), [])
  })

  it('needs no event for what we have not written yet', () => {
    assert.deepEqual(decide([one], [one], [movedByUs, two]), [])
    assert.deepEqual(decide([one, two], [one, two], [one]), [])
  })

  it('needs no event when we wrote index.json and crashed before we remembered it', () => {
    assert.deepEqual(decide([one], [moved, two], [moved, two]), [])
    assert.deepEqual(decide([one, two], [two], [two]), [])
  })

  it('takes over everything when there is no base', () => {
    assert.deepEqual(decide([], [one, two], []), [adopted(one), adopted(two)])
  })

  it('takes over an added reference', () => {
    assert.deepEqual(decide([one], [one, two], [one]), [adopted(two)])
  })

  it('takes over a moved reference, with nothing known about its platforms', () => {
    assert.deepEqual(decide([one], [moved], [one]), [adopted(moved)])
  })

  it('takes over a removed reference', () => {
    assert.deepEqual(decide([one, two], [two], [one, two]), [referenceRemoved('app:1')])
  })

  it('takes over a reference that they moved and we removed', () => {
    assert.deepEqual(decide([one], [moved], []), [adopted(moved)])
  })

  it('takes theirs where both moved a reference', () => {
    assert.deepEqual(decide([one], [moved], [movedByUs]), [adopted(moved)])
  })

  it('keeps ours where they removed what we set anew', () => {
    assert.deepEqual(decide([one], [], [movedByUs]), [])
  })

  it('needs no event when both did the same', () => {
    assert.deepEqual(decide([one], [moved], [moved]), [])
    assert.deepEqual(decide([one], [], []), [])
  })

  it('takes over a changed annotation, and keeps what is known about the blobs', () => {
    const noted = anEntry('app:1', 'app:1', { annotations: { note: 'x' } })
    const [event] = decide([one], [noted], [one])
    assert.deepEqual(event, referenceSet('app:1', { descriptor: noted.descriptor, origin: 'adopted' }))
  })

  it('does not mind the order of fields', () => {
    const written = anEntry('app:1', 'app:1', { annotations: { a: '1', b: '2' } })
    const reordered: IndexEntry = {
      ...written,
      descriptor: {
        annotations: { b: '2', a: '1' },
        size: written.descriptor.size,
        digest: written.descriptor.digest,
        mediaType: written.descriptor.mediaType,
      },
    }
    assert.deepEqual(decide([written], [reordered], [movedByUs]), [])
  })

  it('leads to a log that agrees with them: adopting again needs nothing', () => {
    const theirs = [moved, anEntry('app:3')]
    const events = adopt({ base: [one, two], theirs, ours: [one, two] })
    const { references } = applyAll(emptyIndex, aLog(...[one, two].map(asEvent), ...events))
    const after = Array.from(references, ([reference, record]) => ({ reference, ...record }))
    assert.deepEqual(adopt({ base: [one, two], theirs, ours: after }), [])
    assert.deepEqual([...references.keys()].sort(), ['app:1', 'app:3'])
  })
})

function anEntry(reference: string, content = reference, overrides = {}): IndexEntry {
  return { reference, descriptor: aDescriptorOf(content, overrides), platforms: ['linux/amd64'], size: 100 }
}

function asEvent(entry: IndexEntry): HearthEvent {
  return referenceSet(entry.reference, entry)
}

function adopted({ reference, descriptor }: IndexEntry): HearthEvent {
  return { type: 'ReferenceSet', reference, descriptor, platforms: [], origin: 'adopted' }
}

function decide(base: IndexEntry[], theirs: IndexEntry[], ours: IndexEntry[]): HearthEvent[] {
  return adopt({ base, theirs, ours })
}
