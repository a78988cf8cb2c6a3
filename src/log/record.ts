import { type ErrorDetails, HearthError } from '../errors.js'
import { checksumText } from '../oci/hasher.js'
import type { Head, HearthEvent, Recorded } from './events.js'

/** What makes a record unique beside its event: brought by the caller, who has a clock and a source of randomness. */
export interface Stamp {
  readonly id: string
  /** ISO 8601. */
  readonly at: string
}

// The checksum stands last, so that the bytes it covers are the text before it: `,"checksum":"<64 digits>"}`.
const SEAL_LENGTH = ',"checksum":""}'.length + 64

/** The event as the next record after `head`. */
export function seal(event: HearthEvent, head: Head, { id, at }: Stamp): Recorded {
  const body = { ...event, position: head.position + 1, id, at, previous: head.checksum }
  return { ...body, checksum: checksumText(JSON.stringify(body)) }
}

/** Events as the records that follow `head`, each chained to the one before it. */
export function sealAll(events: readonly HearthEvent[], head: Head, stamp: () => Stamp): Recorded[] {
  let last = head
  return events.map((event) => {
    const recorded = seal(event, last, stamp())
    last = recorded
    return recorded
  })
}

/** The text under which a record is stored. Keeps the order of fields: the checksum covers exactly these bytes. */
export function encodeRecord(recorded: Recorded): string {
  const { checksum, ...body } = recorded
  return JSON.stringify({ ...body, checksum })
}

/** Whether a stored text is what {@link encodeRecord} once made, byte for byte. */
export function isIntact(text: string): boolean {
  const checksum = /,"checksum":"([0-9a-f]{64})"\}$/.exec(text.slice(-SEAL_LENGTH))?.[1]
  return checksum !== undefined && checksumText(`${text.slice(0, -SEAL_LENGTH)}}`) === checksum
}

/** @throws HearthError LOG_CORRUPT unless `recorded` is the record right after `head`. */
export function checkFollows(recorded: Recorded, head: Head): void {
  const { position, previous } = recorded
  if (position === head.position + 1 && previous === head.checksum) return
  throw logCorrupt(`record ${position} does not follow record ${head.position}`, { position, after: head.position })
}

export function headOf({ position, checksum }: Head): Head {
  return { position, checksum }
}

const WAY_OUT = '"hearth verify --rebuild" makes a new one from index.json and the blobs, and keeps this one aside'

/** Damage is never worked around in silence: the error names the way out. */
export function logCorrupt(what: string, details: ErrorDetails = {}, cause?: unknown): HearthError {
  return new HearthError('LOG_CORRUPT', `the log is damaged: ${what} (${WAY_OUT})`, details, cause)
}
