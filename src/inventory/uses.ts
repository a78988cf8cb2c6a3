/**
 * Port: when references were used last. It stands beside the log, so that reading an image writes no event; what is lost of it
 * costs no more than a worse guess at what to evict.
 */
export interface Uses {
  /** Notes that these are used now. Never fails: a read that went well must not end with the bookkeeping about it. */
  touch(references: Iterable<string>): Promise<void>
  /** Milliseconds since 1970, by name; a name of which no use was noted is absent. */
  lastUses(references: Iterable<string>): Promise<ReadonlyMap<string, number>>
  /** Forgets the uses of all other names. Idempotent. */
  keepOnly(references: Iterable<string>): Promise<void>
}
