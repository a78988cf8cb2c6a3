import { appendFileSync } from 'node:fs'

/** What a reference may stand for: a root and all blobs that must be there with it, or nothing at all. */
export interface Value {
  /** Null: no such reference. */
  readonly root: string | null
  readonly blobs: readonly string[]
}

export interface Change {
  readonly reference: string
  readonly value: Value
}

export const ABSENT: Value = { root: null, blobs: [] }

/**
 * Knows what was asked for and what was acknowledged, from outside of the store: the intent is written down before an
 * operation begins, the acknowledgement after it ended. Assumes that operations on one reference follow one another.
 */
export class Oracle {
  readonly #history: string | undefined
  readonly #allowed = new Map<string, Value[]>()
  readonly #intents: (readonly Change[])[] = []

  /** @param history a file of JSON lines that keeps all this for whoever wants to look at a failure. */
  constructor(history?: string) {
    this.#history = history
  }

  /** What a reference stood for before the first operation. */
  holds(changes: readonly Change[]): void {
    for (const { reference, value } of changes) this.#allowed.set(reference, [value])
    this.#write({ holds: changes })
  }

  intend(changes: readonly Change[]): number {
    for (const { reference, value } of changes) this.#allowed.set(reference, [...this.allowed(reference), value])
    this.#intents.push(changes)
    const id = this.#intents.length - 1
    this.#write({ intent: id, changes })
    return id
  }

  /** From here on only what the operation wanted is right. */
  acknowledge(id: number): void {
    const changes = this.#intents[id]
    if (changes === undefined) throw new TypeError(`no intent ${id}`)
    for (const { reference, value } of changes) this.#allowed.set(reference, [value])
    this.#write({ acknowledged: id })
  }

  /** What a reference may stand for now. */
  allowed(reference: string): readonly Value[] {
    return this.#allowed.get(reference) ?? [ABSENT]
  }

  get references(): readonly string[] {
    return [...this.#allowed.keys()]
  }

  #write(line: object): void {
    if (this.#history !== undefined) appendFileSync(this.#history, `${JSON.stringify(line)}\n`)
  }
}
