/** Something that is made at first use, once, and may never be needed. */
export class Lazy<T> {
  readonly #make: () => Promise<T>
  #made: Promise<T> | undefined

  constructor(make: () => Promise<T>) {
    this.#make = make
  }

  /** A failure to make it is not remembered: the next caller tries again. */
  get(): Promise<T> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  /** Ends it with `end` if it was made, and forgets it. */
  async close(end: (made: T) => Promise<void>): Promise<void> {
    const made = await this.#made?.catch(() => undefined)
    this.#made = undefined
    if (made !== undefined) await end(made)
  }
}
