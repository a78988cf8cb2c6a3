import type { Head, Recorded } from './events.js'
import type { Database } from './level-database.js'
import {
  HIGHEST_KEY,
  LOWEST_KEY,
  recordKey,
  type Summary,
  sealOf,
  sealSummary,
  sealValue,
  type Table,
  tableKey,
} from './level-format.js'
import { type Effect, effectsOf } from './projection.js'
import { encodeRecord, headOf } from './record.js'

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

/** One append: the records, what they change in the projection, and both heads. Applied as a whole or not at all. */
export interface PlannedBatch {
  readonly operations: readonly Operation[]
  /** What the database amounts to afterwards. */
  readonly summary: Summary
}

/** Reads what the records replace, writes nothing. */
export async function planBatch(
  database: Database,
  before: Summary,
  records: readonly Recorded[],
): Promise<PlannedBatch> {
  const changes = lastEffects(records)
  const old = (await database.getMany([...changes.keys()])) as (string | undefined)[]
  const sums: Record<Table, number> = { ...before.sums }
  const operations: Operation[] = records.map((recorded) => put(recordKey(recorded.position), encodeRecord(recorded)))
  let index = 0
  for (const [key, { table, value }] of changes) {
    const replaced = old[index++]
    const sealed = value === undefined ? undefined : sealValue(key, value)
    sums[table] = (sums[table] ^ sealOf(replaced) ^ sealOf(sealed)) >>> 0
    if (sealed !== undefined) operations.push(put(key, sealed))
    else if (replaced !== undefined) operations.push({ type: 'del', key })
  }
  const last = records.at(-1)
  const base = archived(records, operations) ?? before.base
  const summary = { ...before, head: last === undefined ? before.head : headOf(last), base, sums }
  for (const key of [LOWEST_KEY, HIGHEST_KEY]) operations.push(put(key, sealSummary(key, summary)))
  return { operations, summary }
}

/**
 * The one way to write: all of it or nothing, durable on return. Operation by operation, because abstract-level copies those of
 * a list so often that it takes four times as long.
 */
export async function writeBatch(database: Database, operations: readonly Operation[]): Promise<void> {
  const batch = database.batch()
  for (const operation of operations) {
    if (operation.type === 'put') batch.put(operation.key, operation.value)
    else batch.del(operation.key)
  }
  await batch.write({ sync: true })
}

/**
 * Takes out what a record says to be in an archive: together with that record, so that each of them is always in one of the two.
 * @returns the last of them.
 */
function archived(records: readonly Recorded[], operations: Operation[]): Head | undefined {
  let base: Head | undefined
  for (const recorded of records) {
    if (recorded.type !== 'LogCompacted') continue
    const { from, through, last } = recorded
    for (let position = from; position <= through; position++)
      operations.push({ type: 'del', key: recordKey(position) })
    base = { position: through, checksum: last }
  }
  return base
}

/** Records of one batch may change an entry several times: only the last change is written, and counted in the sum. */
function lastEffects(records: readonly Recorded[]): Map<string, Effect> {
  const effects = records.flatMap((recorded) => effectsOf(recorded))
  return new Map(effects.map((effect) => [tableKey(effect.table, effect.key), effect]))
}

function put(key: string, value: string): Operation {
  return { type: 'put', key, value }
}
