import { HearthError, isHearthError } from '../errors.js'
import { type Descriptor, parseDescriptor } from '../oci/descriptor.js'
import { type Digest, isDigest } from '../oci/digest.js'
import type { HearthEvent, Origin, Recorded } from './events.js'
import { isIntact, logCorrupt } from './record.js'

type Fields = Readonly<Record<string, unknown>>
type EventOf<T extends HearthEvent['type']> = Extract<HearthEvent, { type: T }>

/**
 * How each stored type becomes one of today's events. A type that was ever released stays here for good: when its shape
 * changes, the new shape gets a new name, and the old name's entry builds the new event.
 */
const TYPES: { readonly [T in HearthEvent['type']]: (fields: Fields) => EventOf<T> } = {
  BlobCommitted: (fields) => ({
    type: 'BlobCommitted',
    digest: digest(fields, 'digest'),
    size: whole(fields, 'size'),
    mtimeMs: number(fields, 'mtimeMs'),
    ...(fields.mediaType !== undefined && { mediaType: text(fields, 'mediaType') }),
    durable: truth(fields, 'durable'),
    boot: text(fields, 'boot'),
  }),
  BlobRemoved: (fields) => ({ type: 'BlobRemoved', digest: digest(fields, 'digest') }),
  ReferenceSet: (fields) => ({
    type: 'ReferenceSet',
    reference: text(fields, 'reference'),
    descriptor: parseDescriptor(fields.descriptor, 'descriptor'),
    platforms: list(fields, 'platforms', (item): item is string => typeof item === 'string'),
    ...(fields.manifests !== undefined && { manifests: descriptors(fields, 'manifests') }),
    ...(fields.size !== undefined && { size: whole(fields, 'size') }),
    origin: origin(fields),
  }),
  ReferenceRemoved: (fields) => ({
    type: 'ReferenceRemoved',
    reference: text(fields, 'reference'),
    ...(fields.reason !== undefined && { reason: reason(fields) }),
  }),
  ReferencePinned: (fields) => ({ type: 'ReferencePinned', reference: text(fields, 'reference') }),
  ReferenceUnpinned: (fields) => ({ type: 'ReferenceUnpinned', reference: text(fields, 'reference') }),
  LogCompacted: (fields) => ({
    type: 'LogCompacted',
    from: whole(fields, 'from'),
    through: whole(fields, 'through'),
    last: text(fields, 'last'),
    digest: digest(fields, 'digest'),
    size: whole(fields, 'size'),
  }),
  RemovalPlanned: (fields) => ({ type: 'RemovalPlanned', digests: list(fields, 'digests', isDigest) }),
  RemovalFinished: (fields) => ({ type: 'RemovalFinished', plan: whole(fields, 'plan') }),
  BlobsFlushed: (fields) => ({ type: 'BlobsFlushed', through: whole(fields, 'through'), boot: text(fields, 'boot') }),
}

const ORIGINS: Readonly<Record<Origin, true>> = { pulled: true, adopted: true, imported: true, restored: true }

/**
 * A stored text as today's record, its fields in the order in which they are stored: whoever prints it can compute the checksum
 * again. Its checksum is checked first: what follows can then only be wrong if a program wrote
 * it wrongly, or a newer one wrote it.
 * @throws HearthError LOG_CORRUPT when a byte changed, or a field is missing or wrong; FORMAT_UNSUPPORTED for a type that this
 *   hearth does not know.
 */
export function decodeRecord(stored: string): Recorded {
  if (!isIntact(stored)) throw logCorrupt('a record does not match its checksum', { start: stored.slice(0, 60) })
  const fields = JSON.parse(stored) as Fields
  const position = whole(fields, 'position')
  try {
    const recorded: Recorded = {
      ...parseEvent(fields, position),
      position,
      id: text(fields, 'id'),
      at: text(fields, 'at'),
      previous: text(fields, 'previous'),
      checksum: text(fields, 'checksum'),
    }
    return JSON.stringify(recorded) === stored ? recorded : inStoredOrder(recorded, fields)
  } catch (error) {
    if (isHearthError(error, 'MANIFEST_INVALID')) throw logCorrupt(error.message, { position }, error)
    throw error
  }
}

function parseEvent(fields: Fields, position: number): HearthEvent {
  const type = text(fields, 'type')
  if (Object.hasOwn(TYPES, type)) return TYPES[type as HearthEvent['type']](fields)
  // No damage: whoever took it for that might rebuild the log, and lose what the newer hearth knows.
  const message = `a newer hearth wrote record ${position} of the log: its type is ${JSON.stringify(type)}`
  throw new HearthError('FORMAT_UNSUPPORTED', message, { position, type })
}

/** Parsing puts fields in its own order, and drops none of what hearth writes. */
function inStoredOrder<T>(parsed: T, stored: unknown): T {
  if (!isPlain(parsed) || !isPlain(stored)) return parsed
  const known: Fields = parsed
  const order = Object.keys(stored).filter((key) => Object.hasOwn(known, key))
  const added = Object.keys(known).filter((key) => !Object.hasOwn(stored, key))
  return Object.fromEntries([...order, ...added].map((key) => [key, inStoredOrder(known[key], stored[key])])) as T
}

function isPlain(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function descriptors(fields: Fields, name: string): Record<string, Descriptor> {
  const value = fields[name]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(fields, name)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parseDescriptor(item, `${name}.${key}`)]))
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw wrong(fields, name)
  return value
}

function number(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number') throw wrong(fields, name)
  return value
}

function whole(fields: Fields, name: string): number {
  const value = number(fields, name)
  if (!Number.isSafeInteger(value) || value < 0) throw wrong(fields, name)
  return value
}

function truth(fields: Fields, name: string): boolean {
  const value = fields[name]
  if (typeof value !== 'boolean') throw wrong(fields, name)
  return value
}

function digest(fields: Fields, name: string): Digest {
  const value = fields[name]
  if (!isDigest(value)) throw wrong(fields, name)
  return value
}

function list<T>(fields: Fields, name: string, fits: (item: unknown) => item is T): readonly T[] {
  const value = fields[name]
  if (!Array.isArray(value) || !value.every(fits)) throw wrong(fields, name)
  return value
}

function origin(fields: Fields): Origin {
  const value = text(fields, 'origin')
  if (!Object.hasOwn(ORIGINS, value)) throw wrong(fields, 'origin')
  return value as Origin
}

function reason(fields: Fields): 'evicted' {
  if (fields.reason !== 'evicted') throw wrong(fields, 'reason')
  return fields.reason
}

function wrong(fields: Fields, name: string) {
  const position = typeof fields.position === 'number' ? fields.position : 0
  return logCorrupt(`record ${position} has a wrong ${name}`, { position, field: name })
}
