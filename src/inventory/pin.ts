import type { EventLog, HeldLog } from '../log/event-log.js'
import type { HearthEvent } from '../log/events.js'
import { findReferences } from './find-reference.js'
import type { PinReport } from './reports.js'

export interface PinDeps {
  readonly log: EventLog
  /** Adopts what other tools did to index.json, then brings the file up to the held log. */
  readonly materialise: (held: HeldLog) => Promise<unknown>
}

export interface PinOptions {
  readonly pinned: boolean
  readonly signal?: AbortSignal
}

/**
 * Pins references, or takes their pins off. On return that is durable, and stands in index.json. Idempotent.
 * @param names as users write them; unknown ones are reported as failed, and the others are done.
 */
export function setPins(names: readonly string[], deps: PinDeps, options: PinOptions): Promise<PinReport> {
  const { pinned, signal } = options
  const set = async (held: HeldLog): Promise<PinReport> => {
    await deps.materialise(held)
    const [references, pins] = [await held.references(), await held.pins()]
    const { found, unknown } = findReferences(names, references)
    const changed = [...found].filter((name) => pins.has(name) !== pinned)
    const type = pinned ? 'ReferencePinned' : 'ReferenceUnpinned'
    const events = changed.map((reference): HearthEvent => ({ type, reference }))
    if (events.length > 0) {
      await held.append(events)
      await deps.materialise(held)
    }
    return { changed, unchanged: [...found].filter((name) => pins.has(name) === pinned), failed: unknown }
  }
  return deps.log.hold(set, { useReserve: true, ...(signal && { signal }) })
}

/** Pure: the report for a folder that holds no cache. */
export function nothingPinned(names: readonly string[]): PinReport {
  return { changed: [], unchanged: [], failed: findReferences(names, new Map()).unknown }
}
