import type { ReferenceRecord } from '../log/event-log.js'
import type { DiffReport } from './reports.js'

type References = ReadonlyMap<string, Pick<ReferenceRecord, 'descriptor'>>

/** Pure: what happened to names between two states, each list sorted. A name that was set anew to the same image is the same. */
export function diffReferences(before: References, after: References): Pick<DiffReport, 'added' | 'removed' | 'moved'> {
  const added = [...after].filter(([name]) => !before.has(name)).map(named)
  const removed = [...before].filter(([name]) => !after.has(name)).map(named)
  const moved = [...after].flatMap(([reference, { descriptor }]) => {
    const from = before.get(reference)?.descriptor.digest
    return from === undefined || from === descriptor.digest ? [] : [{ reference, from, to: descriptor.digest }]
  })
  return { added: added.sort(byName), removed: removed.sort(byName), moved: moved.sort(byName) }
}

function named([reference, { descriptor }]: [string, Pick<ReferenceRecord, 'descriptor'>]) {
  return { reference, digest: descriptor.digest }
}

function byName(a: { readonly reference: string }, b: { readonly reference: string }): number {
  return a.reference < b.reference ? -1 : 1
}
