/** Something that is made at first use, once, and may never be needed. */
export class Lazy<T> {
  readonly #make: () => Promise<T>
  #made: Promise<T> | undefined

  constructor(make: () => Promise<T>) {
    this.#make = make
  }

  /** A failure to make it is not remembered: the next caller tries again. */
  get(): Promise<T> {
    if (this.#made !== undefined) return this.#made
    const made = this.#make().catch((error: unknown) => {
      if (this.#made === made) this.#made = undefined
      throw error
    })
    this.#made = made
    return made
  }

  /** Ends it with `end` if it was made, and forgets it: whoever asks from now on gets another one. */
  async close(end: (made: T) => Promise<void>): Promise<void> {
    const made = this.#made
    this.#made = undefined
    const value = await made?.catch(() => undefined)
    if (value !== undefined) await end(value)
  }
}
