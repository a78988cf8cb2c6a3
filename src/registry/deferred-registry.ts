import type { Registry, RegistryReader } from './registry.js'

/**
 * A registry that is made by the first question: a pull of what is present asks none, and the HTTP client takes 25 ms of a
 * processor to load.
 */
export class DeferredRegistry implements RegistryReader {
  readonly #open: () => Promise<Registry>

  /** @param open gives the same registry each time. */
  constructor(open: () => Promise<Registry>) {
    this.#open = open
  }

  async resolve(...args: Parameters<Registry['resolve']>) {
    return (await this.#open()).resolve(...args)
  }

  async manifest(...args: Parameters<Registry['manifest']>) {
    return (await this.#open()).manifest(...args)
  }

  async tags(...args: Parameters<Registry['tags']>) {
    return (await this.#open()).tags(...args)
  }

  async referrers(...args: Parameters<Registry['referrers']>) {
    return (await this.#open()).referrers(...args)
  }

  async blobSources(...args: Parameters<Registry['blobSources']>) {
    return (await this.#open()).blobSources(...args)
  }

  async reauthorize(...args: Parameters<Registry['reauthorize']>) {
    return (await this.#open()).reauthorize(...args)
  }
}
