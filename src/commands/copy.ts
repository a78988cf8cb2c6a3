import type { Cache, CopyOptions } from '../index.js'
import { linesOf } from './import.js'
import type { DocumentOutcome } from './outcome.js'

/** `hearth copy REF... --to DIR`: brings images into another cache on this machine. */
export async function copy(
  cache: Cache,
  references: readonly string[],
  options: CopyOptions,
): Promise<DocumentOutcome> {
  const report = await cache.copy(references, options)
  return { kind: 'document', document: report, lines: linesOf([report], 'copied'), problems: [], exitCode: 0 }
}
