import type { Account, Credential, Credentials } from './credentials.js'

/** Credentials that the program itself brings, by registry. */
export class MemoryCredentials implements Credentials {
  constructor(private readonly known: Readonly<Record<string, Credential>> = {}) {}

  async find({ registry }: Account): Promise<Credential | undefined> {
    return Object.hasOwn(this.known, registry) ? this.known[registry] : undefined
  }
}
