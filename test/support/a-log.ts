import type {
  BlobCommitted,
  BlobRemoved,
  HearthEvent,
  Recorded,
  ReferenceRemoved,
  ReferenceSet,
} from '../../src/log/events.js'
import { EMPTY_HEAD } from '../../src/log/events.js'
import { type Stamp, sealAll } from '../../src/log/record.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { type Digest, makeDigest } from '../../src/oci/digest.js'
import { checksumText } from '../../src/oci/hasher.js'
import { OCI_MANIFEST } from '../../src/oci/media-type.js'

/** The digest of a text: a different one for each name. */
export function aDigest(name: string): Digest {
  return makeDigest('sha256', checksumText(name))
}

/** A manifest's descriptor; its content is the name. */
export function aDescriptorOf(name: string, overrides: Partial<Descriptor> = {}): Descriptor {
  return { mediaType: OCI_MANIFEST, digest: aDigest(name), size: name.length, ...overrides }
}

export function blobCommitted(name: string, overrides: Partial<BlobCommitted> = {}): BlobCommitted {
  const event = { digest: aDigest(name), size: name.length, mtimeMs: 1_700_000_000_000.25, durable: true, boot: 'boot' }
  return { type: 'BlobCommitted', ...event, ...overrides }
}

export function blobRemoved(name: string): BlobRemoved {
  return { type: 'BlobRemoved', digest: aDigest(name) }
}

/** The reference set to a manifest of its own name, unless told otherwise. */
export function referenceSet(reference: string, overrides: Partial<ReferenceSet> = {}): ReferenceSet {
  const event = {
    descriptor: aDescriptorOf(reference),
    platforms: ['linux/amd64'],
    size: 100,
    origin: 'pulled' as const,
  }
  return { type: 'ReferenceSet', reference, ...event, ...overrides }
}

export function referenceRemoved(reference: string): ReferenceRemoved {
  return { type: 'ReferenceRemoved', reference }
}

/** Ids and times that are the same in every run. */
function aStamp(): () => Stamp {
  let count = 0
  return () => ({ id: `id-${++count}`, at: new Date(1_700_000_000_000 + count * 1000).toISOString() })
}

/** The events as a log from its beginning, sealed and chained with the production code. */
export function aLog(...events: readonly HearthEvent[]): Recorded[] {
  return sealAll(events, EMPTY_HEAD, aStamp())
}

export async function readAll(records: AsyncIterable<Recorded>): Promise<Recorded[]> {
  const all: Recorded[] = []
  for await (const recorded of records) all.push(recorded)
  return all
}
