/** What a sweep took away, or would take. */
export interface Swept {
  readonly count: number
  /** On the disk. */
  readonly bytes: number
}

export const NOTHING_SWEPT: Swept = Object.freeze({ count: 0, bytes: 0 })

export interface SweepOptions {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Only look. */
  readonly dryRun?: boolean
}
