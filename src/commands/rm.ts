import type { Cache, ErrorCode, RemoveOptions, RemoveReport } from '../index.js'
import { failureLine } from './failure.js'
import { type DocumentOutcome, exitCodeOf } from './outcome.js'
import { printable } from './printable.js'
import { count, formatBytes } from './units.js'

type Kept = RemoveReport['kept'][number]

interface RenderOptions {
  readonly publishedOnly?: boolean
  /** Reasons to keep a reference that are no failures. */
  readonly results?: readonly ErrorCode[]
}

/** `hearth rm REF...`: removes references, and the blobs that no other reference needs. */
export async function rm(
  cache: Cache,
  references: readonly string[],
  options: RemoveOptions = {},
): Promise<DocumentOutcome> {
  return renderRemoval(await cache.remove(references, options), options)
}

/** What `--published-only` asks for: these answers are results, not failures. */
export const NOT_PUBLISHED: readonly ErrorCode[] = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'DIGEST_MISMATCH']

/**
 * What is gone and what it freed. A reference that was kept is a problem with its reason, unless it is one that the user
 * provided for.
 */
export function renderRemoval(
  report: RemoveReport,
  { publishedOnly = false, results = publishedOnly ? NOT_PUBLISHED : [] }: RenderOptions = {},
): DocumentOutcome {
  const { removed, kept, removedBlobs, freedBytes, blobsKept } = report
  const isResult = ({ failure }: Kept): boolean => results.includes(failure.code)
  const failed = kept.filter((entry) => !isResult(entry))
  return {
    kind: 'document',
    document: report,
    lines: [
      ...removed.map((reference) => `removed ${printable(reference)}`),
      ...kept.filter(isResult).map(({ reference, failure }) => `kept ${printable(reference)}: ${failure.code}`),
      `${count(removed.length, 'reference')} and ${count(removedBlobs, 'blob')} removed, ${formatBytes(freedBytes)} freed`,
    ],
    problems: [
      ...failed.map(({ reference, failure }) => failureLine(failure, reference)),
      ...(blobsKept === undefined ? [] : [failureLine(blobsKept, 'no blob was removed')]),
    ],
    exitCode: exitCodeOf([...failed.map(({ failure }) => failure), ...(blobsKept === undefined ? [] : [blobsKept])]),
  }
}
