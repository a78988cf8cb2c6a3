/** The invariants of RELIABILITY.md section 3. Each finding begins with the number of the one that is broken. */
import { openCache } from '../../../src/index.js'
import type { Recorded } from '../../../src/log/events.js'
import { HEAD, type Layout, type LayoutEntry, ownEntries, POSITION, readLayout } from './layout.js'
import type { Oracle, Value } from './oracle.js'

/**
 * I1, I2, I3 and I5 as other tools see the layout, at any moment: also after a crash, before hearth has looked at it.
 * Changes nothing.
 */
export function checkLayout(root: string, oracle: Oracle): string[] {
  const layout = readLayout(root)
  const entries = ownEntries(layout)
  const problems = [...layout.problems]
  for (const reference of new Set([...oracle.references, ...entries.keys()])) {
    problems.push(...checkReference(reference, { entry: entries.get(reference), layout, oracle }))
  }
  for (const { digest, size } of layout.entries ?? []) {
    if (layout.sound.get(digest) !== size) problems.push(`I2: index.json names ${digest}, which is not there whole`)
  }
  return problems
}

interface Seen {
  readonly entry: LayoutEntry | undefined
  readonly layout: Layout
  readonly oracle: Oracle
}

function checkReference(reference: string, { entry, layout, oracle }: Seen): string[] {
  const root = entry?.digest ?? null
  const fitting = oracle.allowed(reference).filter((value) => value.root === root)
  if (fitting.length === 0) {
    const wanted = oracle.allowed(reference).map((value) => value.root ?? 'nothing')
    return [`I1: ${reference} is ${root ?? 'not there'}, but should be ${wanted.join(' or ')}`]
  }
  const missing = (value: Value): string[] => value.blobs.filter((digest) => !layout.sound.has(digest))
  if (fitting.some((value) => missing(value).length === 0)) return []
  return fitting.flatMap(missing).map((digest) => `I2: ${reference} needs ${digest}, which is not there whole`)
}

/** The whole log, read by hearth. */
export async function readHistory(root: string): Promise<readonly Recorded[]> {
  const cache = await openCache({ path: root })
  try {
    const records: Recorded[] = []
    for await (const recorded of cache.history()) records.push(recorded)
    return records
  } finally {
    await cache.close()
  }
}

/** I4 and I12: positions without a gap, a chain without a break, and the beginning as it was before. */
export function checkHistory(records: readonly Recorded[], before: readonly Recorded[]): string[] {
  const problems: string[] = []
  let previous = ''
  for (const [index, recorded] of records.entries()) {
    const { position, checksum } = recorded
    if (position !== index + 1) problems.push(`I4: record ${index + 1} has position ${position}`)
    if (recorded.previous !== previous) problems.push(`I4: record ${position} does not follow its predecessor`)
    previous = checksum
  }
  for (const { position, checksum } of before) {
    if (records[position - 1]?.checksum !== checksum) problems.push(`I12: record ${position} is not what it was`)
  }
  return problems
}

/** I5, after recovery: index.json accounts for all of the log, and says what the log amounts to. */
export function checkMaterialised(root: string, records: readonly Recorded[]): string[] {
  const layout = readLayout(root)
  const head = records.at(-1)
  const { [POSITION]: position, [HEAD]: checksum } = layout.annotations
  const problems: string[] = []
  if (position !== `${head?.position ?? 0}` || checksum !== (head?.checksum ?? '')) {
    problems.push(`I5: index.json accounts for ${position}, the log ends with ${head?.position ?? 0}`)
  }
  const expected = JSON.stringify([...fold(records)].sort())
  const actual = JSON.stringify([...ownEntries(layout)].map(([name, { digest }]) => [name, digest]).sort())
  if (actual !== expected) problems.push(`I5: index.json says ${actual}, the log amounts to ${expected}`)
  return problems
}

function fold(records: readonly Recorded[]): ReadonlyMap<string, string> {
  const references = new Map<string, string>()
  for (const recorded of records) {
    if (recorded.type === 'ReferenceSet') references.set(recorded.reference, recorded.descriptor.digest)
    if (recorded.type === 'ReferenceRemoved') references.delete(recorded.reference)
  }
  return references
}
