import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logLine } from '../../src/commands/log.js'
import type { HearthEvent } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'

const digest = await digestBytes(Buffer.from('any'))
const line = (event: HearthEvent): string =>
  logLine({ ...event, position: 12, id: 'id', at: '2026-01-02T03:04:05.678Z', previous: '', checksum: '' })
const START = '      12  2026-01-02T03:04:05.678Z  '

describe('a line of the log', () => {
  it('has position, time, type and subject of each kind of event', () => {
    const committed = { type: 'BlobCommitted', digest, size: 2048, mtimeMs: 1, boot: 'b' } as const
    const descriptor = { mediaType: OCI_INDEX, digest, size: 3 }
    const cases: readonly [HearthEvent, string][] = [
      [{ ...committed, durable: true }, `BlobCommitted      ${digest} 2.0 KiB`],
      [{ ...committed, durable: false }, `BlobCommitted      ${digest} 2.0 KiB (not flushed)`],
      [{ type: 'BlobRemoved', digest }, `BlobRemoved        ${digest}`],
      [
        { type: 'ReferenceSet', reference: 'a:1', descriptor, platforms: ['linux/amd64'], size: 3, origin: 'pulled' },
        `ReferenceSet       a:1 ${digest} linux/amd64 (pulled)`,
      ],
      [
        { type: 'ReferenceSet', reference: 'a:1', descriptor, platforms: [], origin: 'adopted' },
        `ReferenceSet       a:1 ${digest} (adopted)`,
      ],
      [{ type: 'ReferenceRemoved', reference: 'a:1' }, 'ReferenceRemoved   a:1'],
      [{ type: 'ReferenceRemoved', reference: 'a:1', reason: 'evicted' }, 'ReferenceRemoved   a:1 (evicted)'],
      [{ type: 'ReferencePinned', reference: 'a:1' }, 'ReferencePinned    a:1'],
      [{ type: 'ReferenceUnpinned', reference: 'a:1' }, 'ReferenceUnpinned  a:1'],
      [{ type: 'RemovalPlanned', digests: [digest] }, 'RemovalPlanned     1 blob'],
      [{ type: 'LogCompacted', from: 1, through: 9, last: 'c', digest, size: 7 }, 'LogCompacted       records 1 to 9'],
      [{ type: 'RemovalFinished', plan: 11 }, 'RemovalFinished    planned at 11'],
    ]
    for (const [event, text] of cases) assert.equal(line(event), START + text)
  })

  it('escapes a name that another tool wrote', () => {
    assert.equal(line({ type: 'ReferenceRemoved', reference: 'a\u001b[2J' }), `${START}ReferenceRemoved   a\\u001b[2J`)
  })
})
