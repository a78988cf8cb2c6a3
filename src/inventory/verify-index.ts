import { type ErrorCode, type Failure, isHearthError, toFailure } from '../errors.js'
import type { IndexEntry } from '../log/decide.js'
import type { Head } from '../log/events.js'
import type { IndexState } from '../log/projection.js'
import { parseIndex, renderedHead, renderIndex } from '../materialise/image-index.js'
import type { IndexFile } from '../materialise/index-file.js'
import { MATERIALISED_FILE } from '../oci/image-layout.js'
import type { VerifyProblem } from './reports.js'
import type { LogFindings } from './verify-log.js'

/** index.json as it was found. */
export interface FoundIndex {
  /** Undefined when there is none. */
  readonly bytes: Uint8Array | undefined
  /** Of what we last wrote when it is gone or cannot be parsed. */
  readonly images: ReadonlyMap<string, IndexEntry>
  /** The head of the log that it accounts for; absent when another tool wrote it. */
  readonly head?: Head
  /** What we last wrote there, whatever other tools made of it since. */
  readonly lastWritten?: Uint8Array
  /** The head for which that accounts. */
  readonly written?: Head
  /** Why what we last wrote there cannot be read. */
  readonly baseFailure?: Failure
  /** Why it cannot be parsed. */
  readonly failure?: Failure
}

type Found = Omit<FoundIndex, 'lastWritten' | 'written' | 'baseFailure'>

/** Reads and parses it. What is wrong with it is a finding. */
export async function readIndex(file: IndexFile): Promise<FoundIndex> {
  const base = await readBase(file)
  const { lastWritten } = base
  const found = await readFound(file)
  // A file that is broken or gone was ours until then.
  const { images } = found.failure === undefined && found.bytes !== undefined ? found : parseFound(lastWritten)
  return { ...found, ...base, images }
}

async function readBase(file: IndexFile): Promise<Pick<FoundIndex, 'lastWritten' | 'written' | 'baseFailure'>> {
  try {
    const lastWritten = await file.lastWritten()
    const written = lastWritten && renderedHead(lastWritten)
    return { ...(lastWritten && { lastWritten }), ...(written && { written }) }
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    return { baseFailure: toFailure(error) }
  }
}

/** A folder or a pipe in its place is a finding too. */
async function readFound(file: IndexFile): Promise<Found> {
  try {
    return parseFound(await file.read())
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    return { bytes: undefined, images: new Map(), failure: toFailure(error) }
  }
}

function parseFound(bytes: Uint8Array | undefined): Found {
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
 * Whether index.json, and the copy of it that later shows other tools' edits, are what the log amounted to at the positions that
 * they name. They may be older than the log's end: they are rewritten only now and then while pulls run.
 * @param findings what the log says; undefined when the cache has none.
 */
export function checkIndex(index: FoundIndex, findings: LogFindings | undefined): readonly VerifyProblem[] {
  const lost = findings?.state && findLostRecords(index, findings.state, findings.states)
  const base = findings?.state && lost === undefined ? checkBase(index, findings.states) : undefined
  const problems = [lost, base].filter((found) => found !== undefined)
  if (index.failure !== undefined) {
    return [...problems, { kind: 'index', subject: 'index.json', failure: index.failure }]
  }
  if (findings?.state === undefined || (lost !== undefined && index.bytes !== undefined)) return problems
  const wrong = compareWithLog(index, findings.state, findings.states)
  return wrong === undefined ? problems : [...problems, problem('index', 'LAYOUT_INVALID', wrong)]
}

/** index.json is the second copy of the head: records that it accounts for were acknowledged. */
function findLostRecords(
  { head, written }: FoundIndex,
  state: IndexState,
  states: LogFindings['states'],
): VerifyProblem | undefined {
  const end = state.head
  const foreign = head !== undefined && states.get(head.position)?.head.checksum !== head.checksum
  // While index.json itself accounts for the end of the log, a copy of it that says more is damaged.
  const isEnd = head?.position === end.position && !foreign
  const lost = written !== undefined && !isEnd && isAhead(written, end) ? written : foreign ? head : undefined
  if (lost === undefined) return undefined
  const details = { expected: lost.position, actual: end.position }
  return problem('log', 'LOG_CORRUPT', 'the log has lost records that index.json accounts for', details)
}

/** A copy that equals index.json is as right as that. */
function checkBase(
  { bytes, lastWritten, written, baseFailure }: FoundIndex,
  states: LogFindings['states'],
): VerifyProblem | undefined {
  if (baseFailure !== undefined) return { kind: 'index', subject: MATERIALISED_FILE, failure: baseFailure }
  if (lastWritten === undefined || (bytes && Buffer.compare(bytes, lastWritten) === 0)) return undefined
  const then = written && states.get(written.position)
  if (then && Buffer.compare(renderIndex(then.references, then.head, then.pins), lastWritten) === 0) return undefined
  const message = 'it is not what hearth last wrote to index.json; the next change makes it anew'
  return { kind: 'index', subject: MATERIALISED_FILE, failure: { code: 'LAYOUT_INVALID', message, details: {} } }
}

function compareWithLog(
  { bytes, head }: FoundIndex,
  state: IndexState,
  states: LogFindings['states'],
): string | undefined {
  const stateAt = head && states.get(head.position)
  if (bytes === undefined) return state.head.position === 0 ? undefined : 'index.json is missing'
  if (head === undefined || stateAt === undefined) return 'another tool wrote index.json; the next change takes it over'
  if (Buffer.compare(renderIndex(stateAt.references, stateAt.head, stateAt.pins), bytes) === 0) return undefined
  return 'another tool edited index.json; the next change takes it over'
}

function isAhead(written: Head, end: Head): boolean {
  return written.position > end.position || (written.position === end.position && written.checksum !== end.checksum)
}

function problem(
  kind: VerifyProblem['kind'],
  code: ErrorCode,
  message: string,
  details: Failure['details'] = {},
): VerifyProblem {
  return { kind, subject: 'index.json', failure: { code, message, details } }
}
