/** Beyond these it is no image but an attack. RELIABILITY 7.3, A6. */
export interface FlattenLimits {
  /** Bytes of all layers without their compression, and bytes of files that are written. */
  readonly maxBytes: number
  /** Output for each byte of a layer, once it has more output than `ratioFromBytes`. */
  readonly maxRatio: number
  readonly ratioFromBytes: number
  /** Entries of all layers. */
  readonly maxEntries: number
  /** Memory for names, links, and the extended attributes of folders; what files hold passes by. */
  readonly maxNameBytes: number
}

export const FLATTEN_LIMITS: FlattenLimits = Object.freeze({
  maxBytes: 64 * 1024 ** 3,
  maxRatio: 1000,
  ratioFromBytes: 100 * 1024 ** 2,
  maxEntries: 10_000_000,
  // Two million names: more than any image has, and less than Node may allocate on a small machine.
  maxNameBytes: 512 * 1024 ** 2,
})
