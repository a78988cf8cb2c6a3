import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Closure } from '../../src/inventory/closure.js'
import { decideRemoval, type RemovalInput } from '../../src/inventory/removal-plan.js'
import type { HearthEvent, ReferenceSet } from '../../src/log/events.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDescriptorOf, aDigest, aLog, blobCommitted, referenceSet } from '../support/a-log.js'

interface Given {
  /** Reference to the names of the blobs it needs; every one of them is in the log. */
  readonly images: Readonly<Record<string, readonly string[]>>
  readonly loose?: readonly string[]
  readonly remove: readonly string[]
  readonly leased?: readonly string[]
  readonly unrecorded?: readonly string[]
  readonly closures?: Readonly<Record<string, Partial<Closure>>>
  readonly records?: Readonly<Record<string, Partial<ReferenceSet>>>
}

function given(options: Given): RemovalInput {
  const { images, loose = [], remove, leased = [], unrecorded = [], closures = {}, records = {} } = options
  const names = [...new Set([...Object.values(images).flat(), ...loose])]
  const references = Object.keys(images).map((name) => referenceSet(name, records[name]))
  const closureOf = ([name, blobs]: [string, readonly string[]]): [string, Closure] => {
    return [name, { digests: digests(blobs), absent: [], ...closures[name] }]
  }
  return {
    snapshot: applyAll(emptyIndex, aLog(...names.map((name) => blobCommitted(name)), ...references)),
    names: new Set(remove),
    closures: new Map(Object.entries(images).map(closureOf)),
    leased: digests(leased),
    unrecorded: new Map(unrecorded.map((name) => [aDigest(name), { size: name.length }])),
  }
}

function digests(names: readonly string[]): ReadonlySet<Digest> {
  return new Set(names.map(aDigest))
}

function planned(events: readonly HearthEvent[]): Digest[] {
  return events.flatMap((event) => (event.type === 'RemovalPlanned' ? event.digests : [])).sort()
}

const TWO = { app: ['app manifest', 'shared', 'app layer'], web: ['web manifest', 'shared', 'web layer'] }

describe('decideRemoval', () => {
  it('removes what only the removed reference needs', () => {
    const { events } = decideRemoval(given({ images: TWO, remove: ['app'] }))
    assert.deepEqual(events[0], { type: 'ReferenceRemoved', reference: 'app' })
    assert.deepEqual(planned(events), [...digests(['app manifest', 'app layer'])].sort())
  })

  it('removes everything with the last reference', () => {
    const { events } = decideRemoval(given({ images: TWO, remove: ['app', 'web'] }))
    assert.deepEqual(planned(events), [...digests([...TWO.app, ...TWO.web])].sort())
  })

  it('also removes blobs that lost their reference earlier', () => {
    const { events } = decideRemoval(given({ images: TWO, loose: ['old layer'], remove: ['app'] }))
    assert.ok(planned(events).includes(aDigest('old layer')))
  })

  it('keeps what a running pull has leased', () => {
    const { events } = decideRemoval(given({ images: TWO, remove: ['app'], leased: ['app layer'] }))
    assert.deepEqual(planned(events), [aDigest('app manifest')])
  })

  it('removes blobs that the log does not know, unless a reference needs them', () => {
    const images = { ...TWO, adopted: ['unknown to the log'] }
    const input = given({ images, remove: ['app'], unrecorded: ['unknown to the log', 'left over'] })
    const { events } = decideRemoval(input)
    assert.ok(planned(events).includes(aDigest('left over')))
    assert.ok(!planned(events).includes(aDigest('unknown to the log')))
  })

  it('removes the references before the blobs, and says of evicted ones that they were', () => {
    const input = given({ images: TWO, remove: ['web', 'app'] })
    assert.deepEqual(
      decideRemoval({ ...input, evicts: true }).events.map((event) => ({ ...event, digests: undefined })),
      [
        { type: 'ReferenceRemoved', reference: 'app', reason: 'evicted', digests: undefined },
        { type: 'ReferenceRemoved', reference: 'web', reason: 'evicted', digests: undefined },
        { type: 'RemovalPlanned', digests: undefined },
      ],
    )
  })

  it('plans no removal when there is nothing to remove', () => {
    const { events } = decideRemoval(given({ images: { app: ['a'], same: ['a'] }, remove: ['app'] }))
    assert.deepEqual(events, [{ type: 'ReferenceRemoved', reference: 'app' }])
  })

  it('removes no blob while a remaining reference cannot be read, and says which', () => {
    const damage = { code: 'DIGEST_MISMATCH', message: 'damaged', details: {} } as const
    const { events, blocked } = decideRemoval(given({ images: TWO, remove: ['app'], closures: { web: { damage } } }))
    assert.deepEqual(events, [{ type: 'ReferenceRemoved', reference: 'app' }])
    assert.equal(blocked?.code, 'DIGEST_MISMATCH')
    assert.equal(blocked?.details.reference, 'web')
  })

  it('removes no blob while a remaining reference has lost a manifest that the log knows', () => {
    const closures = { web: { absent: [aDigest('web manifest')] } }
    const { events, blocked } = decideRemoval(given({ images: TWO, remove: ['app'], closures }))
    assert.deepEqual(planned(events), [])
    assert.deepEqual(blocked?.details, { reference: 'web', digest: aDigest('web manifest') })
  })

  describe('while a remaining reference has lost a manifest that the log does not know any more', () => {
    const manifests = { 'linux/amd64': aDescriptorOf('amd64') }
    const cases: Readonly<Record<string, Omit<Given, 'images' | 'remove'>>> = {
      'its root': { closures: { web: { absent: [aDigest('web')] } } },
      'that of a recorded platform': {
        closures: { web: { absent: [aDigest('arm64'), aDigest('amd64')], digests: digests(['arm64', 'amd64']) } },
        records: { web: { manifests } },
      },
      'that of a recorded platform, and the index between it and the root': {
        closures: { web: { absent: [aDigest('nested')] } },
        records: { web: { manifests } },
      },
      'the root of what another tool set, once platforms are recorded': {
        closures: { web: { absent: [aDigest('web')] } },
        records: { web: { origin: 'adopted' } },
      },
      'the root of an artifact': {
        closures: { web: { absent: [aDigest('web')] } },
        records: { web: { platforms: [] } },
      },
    }
    for (const [what, lost] of Object.entries(cases)) {
      it(`removes no blob: ${what}`, () => {
        const { events, blocked } = decideRemoval(given({ images: TWO, remove: ['app'], ...lost }))
        assert.deepEqual(planned(events), [])
        assert.deepEqual([blocked?.code, blocked?.details.reference], ['BLOB_UNKNOWN', 'web'])
      })
    }
  })

  it('is not stopped by the platforms that a sparse index lacks', () => {
    const closures = { web: { absent: [aDigest('another platform')], digests: digests([...TWO.web, 'amd64']) } }
    const records = { web: { manifests: { 'linux/amd64': aDescriptorOf('amd64') } } }
    const { events, blocked } = decideRemoval(given({ images: TWO, remove: ['app'], closures, records }))
    assert.equal(blocked, undefined)
    assert.equal(planned(events).length, 2)
  })

  it('is not stopped by a name that another tool left dangling', () => {
    const closures = { web: { absent: [aDigest('web')] } }
    const records = { web: { origin: 'adopted', platforms: [] } } as const
    const { blocked } = decideRemoval(given({ images: TWO, remove: ['app'], closures, records }))
    assert.equal(blocked, undefined)
  })

  it('is not stopped by damage in what is removed', () => {
    const damage = { code: 'DIGEST_MISMATCH', message: 'damaged', details: {} } as const
    const { events, blocked } = decideRemoval(given({ images: TWO, remove: ['app'], closures: { app: { damage } } }))
    assert.equal(blocked, undefined)
    assert.equal(planned(events).length, 2)
  })

  it('splits a large removal into plans that are carried out one at a time', () => {
    const layers = Array.from({ length: 1000 }, (_, at) => `layer ${at}`)
    const { events } = decideRemoval(given({ images: { app: layers }, remove: ['app'] }))
    const sizes = events.flatMap((event) => (event.type === 'RemovalPlanned' ? [event.digests.length] : []))
    assert.deepEqual(sizes, [256, 256, 256, 232])
    assert.equal(new Set(planned(events)).size, 1000)
  })

  it('refuses to decide without the closure of a remaining reference', () => {
    const input = given({ images: TWO, remove: ['app'] })
    assert.throws(() => decideRemoval({ ...input, closures: new Map() }), TypeError)
  })
})
