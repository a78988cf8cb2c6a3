import type { RegistrySpec } from '../../test/support/spawn-registry.js'

const [KIB, MIB] = [1024, 1024 * 1024]

/** Bytes of the two layers that images share, and of the two that each has for itself. */
export interface LayerSizes {
  readonly shared: readonly [number, number]
  readonly own: readonly [number, number]
}

/** A distribution and a runtime below, a program and its configuration above. */
export const APPLICATIONS: LayerSizes = { shared: [8 * MIB, 2 * MIB], own: [MIB, 64 * KIB] }
/** So little that the number of images decides, not their bytes. */
export const TINY: LayerSizes = { shared: [256 * KIB, 64 * KIB], own: [32 * KIB, 4 * KIB] }

const BASES = 5

/** Images of four layers, for two platforms, on five different bases: what the images of a team look like. */
export function manyImages(count: number, { shared, own }: LayerSizes): RegistrySpec['images'] {
  return Array.from({ length: count }, (_, at) => ({
    repository: `team/app-${at}`,
    tag: 'v1',
    seed: `app-${at}`,
    platforms: ['linux/amd64', 'linux/arm64'],
    layers: [
      ...shared.map((bytes, level) => ({ seed: `base-${at % BASES}-${level}`, bytes })),
      ...own.map((bytes) => ({ bytes })),
    ],
  }))
}
