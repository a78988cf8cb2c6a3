import type { Cache, HearthEvent, HistoryOptions, Recorded } from '../index.js'
import type { StreamOutcome } from './outcome.js'
import { printable, printableJson } from './printable.js'
import { count, formatBytes } from './units.js'
import { unreachable } from './unreachable.js'

/** `hearth log`: what happened in this cache, oldest first. */
export function log(cache: Cache, options: HistoryOptions = {}): StreamOutcome {
  return {
    kind: 'stream',
    live: options.follow ?? false,
    async *lines(json) {
      for await (const recorded of cache.history(options)) {
        yield json ? printableJson(recorded) : logLine(recorded)
      }
    },
  }
}

/** Position, time, type and what it was about. */
export function logLine(recorded: Recorded): string {
  const { position, at, type } = recorded
  return printable(`${String(position).padStart(8)}  ${at}  ${type.padEnd(17)}  ${subjectOf(recorded)}`)
}

function subjectOf(event: HearthEvent): string {
  switch (event.type) {
    case 'BlobCommitted':
      return `${event.digest} ${formatBytes(event.size)}${event.durable ? '' : ' (not flushed)'}`
    case 'BlobRemoved':
      return event.digest
    case 'ReferenceSet':
      return [event.reference, event.descriptor.digest, event.platforms.join(','), `(${event.origin})`]
        .filter((part) => part !== '')
        .join(' ')
    case 'ReferenceRemoved':
      return event.reason === undefined ? event.reference : `${event.reference} (${event.reason})`
    case 'ReferencePinned':
    case 'ReferenceUnpinned':
      return event.reference
    case 'RemovalPlanned':
      return count(event.digests.length, 'blob')
    case 'LogCompacted':
      return `records ${event.from} to ${event.through}`
    case 'RemovalFinished':
      return `planned at ${event.plan}`
    case 'BlobsFlushed':
      return `up to ${event.through}`
    default:
      return unreachable(event)
  }
}
