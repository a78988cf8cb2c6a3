import { type ErrorCode, type Failure, isHearthError, toFailure } from '../errors.js'
import type { Head } from '../log/events.js'
import { parseIndex, renderIndex } from '../materialise/image-index.js'
import type { VerifyProblem } from './reports.js'
import type { RecordedImage } from './verify-closure.js'
import type { LogFindings } from './verify-log.js'

/** index.json as it was found. */
export interface FoundIndex {
  /** Undefined when there is none. */
  readonly bytes: Uint8Array | undefined
  /** Empty when it cannot be parsed. */
  readonly images: ReadonlyMap<string, RecordedImage>
  /** The head of the log that it accounts for; absent when another tool wrote it. */
  readonly head?: Head
  /** Why it cannot be parsed. */
  readonly failure?: Failure
}

export function readIndex(bytes: Uint8Array | undefined): FoundIndex {
  if (bytes === undefined) return { bytes, images: new Map() }
  try {
    const { entries, head } = parseIndex(bytes)
    return { bytes, images: new Map(entries.map((entry) => [entry.reference, entry])), ...(head && { head }) }
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    return { bytes, images: new Map(), failure: toFailure(error) }
  }
}

/**
 * Whether index.json is what the log amounted to at the position that the file names. It may be older than the log's end:
 * it is rewritten only now and then while pulls run.
 * @param findings what the log says; undefined when the cache has none.
 */
export function checkIndex(
  { bytes, head, failure }: FoundIndex,
  findings: LogFindings | undefined,
): readonly VerifyProblem[] {
  if (failure !== undefined) return [{ kind: 'index', subject: 'index.json', failure }]
  const state = findings?.state
  if (state === undefined) return []
  if (bytes === undefined) {
    return state.head.position === 0 ? [] : [problem('index', 'LAYOUT_INVALID', 'index.json is missing')]
  }
  if (head === undefined) return [problem('index', 'LAYOUT_INVALID', 'another tool wrote index.json')]
  const { stateAt } = findings ?? {}
  if (stateAt === undefined || stateAt.head.checksum !== head.checksum) {
    // It is the second copy of the head: records that it accounts for were acknowledged.
    const details = { expected: head.position, actual: state.head.position }
    return [problem('log', 'LOG_CORRUPT', 'the log has lost records that index.json accounts for', details)]
  }
  if (Buffer.compare(renderIndex(stateAt.references, stateAt.head, stateAt.pins), bytes) === 0) return []
  return [problem('index', 'LAYOUT_INVALID', 'another tool edited index.json; the next change takes it over')]
}

function problem(
  kind: VerifyProblem['kind'],
  code: ErrorCode,
  message: string,
  details: Failure['details'] = {},
): VerifyProblem {
  return { kind, subject: 'index.json', failure: { code, message, details } }
}
