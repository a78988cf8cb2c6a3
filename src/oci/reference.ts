import type { Digest } from './digest.js'

/** A name in canonical form: nothing is implied any more. */
export interface Reference {
  /** Host, lower-case, with `:port` where one was given: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  readonly registry: string
  /** Path within the registry: `library/redis`. */
  readonly repository: string
  /** Absent only when a digest is there. */
  readonly tag?: string
  readonly digest?: Digest
}
