import { EXPANSION_LIMITS, type ExpansionLimits } from './compression.js'

/**
 * Beyond these it is no image but an attack. A layer may grow as any stream may; `maxBytes` is for all layers together, and once
 * more for the files that are written. RELIABILITY 7.3, A6.
 */
export interface FlattenLimits extends ExpansionLimits {
  /** Entries of all layers. */
  readonly maxEntries: number
  /** Memory for names, links, and the extended attributes of folders; what files hold passes by. */
  readonly maxNameBytes: number
}

export const FLATTEN_LIMITS: FlattenLimits = Object.freeze({
  ...EXPANSION_LIMITS,
  maxEntries: 10_000_000,
  // Two million names: more than any image has, and less than Node may allocate on a small machine.
  maxNameBytes: 512 * 1024 ** 2,
})
