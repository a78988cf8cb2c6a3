/** What to show a registry, or its token server, and nobody else. Never log or store a value of this type. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly kind: 'identity'; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: 'bearer'; readonly token: string }

/** Whose credential is wanted. */
export interface Account {
  /** `docker.io` or the host of the registry or mirror, with its port where that is not the scheme's own. */
  readonly registry: string
  readonly repository: string
}

/** Port: where credentials are kept. */
export interface Credentials {
  /**
   * Undefined when there is none for exactly this registry.
   * @throws HearthError CREDENTIALS_FAILED when a place that should be asked cannot be: going on without would show a private
   * name to a public registry, and report the wrong failure.
   */
  find(account: Account, options?: { readonly signal?: AbortSignal }): Promise<Credential | undefined>
}
