import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { EMPTY_HEAD, type HearthEvent } from '../../src/log/events.js'
import { encodeRecord, seal } from '../../src/log/record.js'
import { decodeRecord } from '../../src/log/upcast.js'
import { aDescriptorOf, aDigest, blobCommitted, blobRemoved, referenceRemoved, referenceSet } from '../support/a-log.js'

const EVENTS: readonly HearthEvent[] = [
  blobCommitted('a'),
  blobCommitted('a', { mediaType: 'text/plain', durable: false }),
  blobRemoved('a'),
  referenceSet('app:1'),
  referenceSet('app:1', {
    descriptor: aDescriptorOf('a', {
      annotations: { key: 'value' },
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      artifactType: 'text/plain',
    }),
  }),
  referenceRemoved('app:1'),
  { type: 'ReferenceRemoved', reference: 'app:1', reason: 'evicted' },
  { type: 'ReferencePinned', reference: 'app:1' },
  { type: 'ReferenceUnpinned', reference: 'app:1' },
  { type: 'RemovalPlanned', digests: [aDigest('a'), aDigest('b')] },
  { type: 'RemovalPlanned', digests: [] },
  { type: 'LogCompacted', from: 1, through: 9, last: 'c', digest: aDigest('archive'), size: 700 },
  { type: 'RemovalFinished', plan: 7 },
  { type: 'BlobsFlushed', through: 7, boot: 'boot' },
]

describe('a stored record', () => {
  for (const event of EVENTS) {
    it(`comes back whole: ${event.type}`, () => {
      const recorded = seal(event, EMPTY_HEAD, STAMP)
      assert.deepEqual(decodeRecord(encodeRecord(recorded)), recorded)
    })
  }

  it('comes back in the order in which it is stored, so that its checksum can be computed again', () => {
    const { type, reference, descriptor, platforms, origin } = referenceSet('app:1')
    const { mediaType, digest, size } = descriptor
    const platform = { os: 'linux', architecture: 'amd64' }
    const backwards = { origin, size: 7, manifests: { amd64: { platform, size, digest, mediaType } }, platforms }
    const text = encodeRecord(seal({ ...backwards, descriptor, reference, type }, EMPTY_HEAD, STAMP))
    assert.equal(encodeRecord(decodeRecord(text)), text)
    assert.equal(JSON.stringify(decodeRecord(text)), text)
  })

  it('of an unknown type was written by a newer hearth', () => {
    for (const type of ['BlobPolished', 'toString', '__proto__']) {
      assert.throws(
        () => decodeRecord(stored({ type })),
        (error) => isHearthError(error, 'FORMAT_UNSUPPORTED') && error.details.type === type,
      )
    }
  })

  it('with a changed byte is refused', () => {
    const text = encodeRecord(seal(referenceSet('app:1'), EMPTY_HEAD, STAMP))
    assert.throws(() => decodeRecord(text.replace('app:1', 'app:2')), corrupt)
  })

  it('that is no record at all is refused', () => {
    for (const text of ['', '{}', 'null', '\u0000\u0000']) assert.throws(() => decodeRecord(text), corrupt)
  })

  const wrong: readonly [string, Record<string, unknown>][] = [
    ['no type', {}],
    ['a digest that is none', { ...blobRemoved('a'), digest: 'sha256:../../etc/passwd' }],
    ['a negative size', { ...blobCommitted('a'), size: -1 }],
    ['a broken size', { ...blobCommitted('a'), size: 1.5 }],
    ['a time as text', { ...blobCommitted('a'), mtimeMs: '5' }],
    ['a truth as text', { ...blobCommitted('a'), durable: 'yes' }],
    ['a media type as a number', { ...blobCommitted('a'), mediaType: 1 }],
    ['a name as a number', { ...referenceRemoved('a'), reference: 1 }],
    ['an unknown reason', { ...referenceRemoved('a'), reason: 'bored' }],
    ['no name to pin', { type: 'ReferencePinned' }],
    ['an unknown origin', { ...referenceSet('a'), origin: 'stolen' }],
    ['a platform as an object', { ...referenceSet('a'), platforms: [{}] }],
    ['no platforms', { ...referenceSet('a'), platforms: null }],
    ['no descriptor', { ...referenceSet('a'), descriptor: null }],
    ['a descriptor without a size', { ...referenceSet('a'), descriptor: { ...aDescriptorOf('a'), size: undefined } }],
    ['a plan of names', { type: 'RemovalPlanned', digests: ['app:1'] }],
    ['no plan', { type: 'RemovalFinished' }],
  ]
  for (const [what, event] of wrong) {
    it(`with ${what} is refused`, () => assert.throws(() => decodeRecord(stored(event)), corrupt))
  }
})

const STAMP = { id: 'id', at: '2026-01-02T03:04:05.678Z' }

/** Sealed as it is: the checksum is right, the content is what a faulty or newer program wrote. */
function stored(event: object): string {
  return encodeRecord(seal(event as HearthEvent, EMPTY_HEAD, STAMP))
}

function corrupt(error: unknown): boolean {
  return isHearthError(error, 'LOG_CORRUPT')
}
