/** Port: index.json, as other tools see it, and what we last made of it. */
export interface IndexFile {
  /**
   * Runs `work` while no tool that honours LinuxKit's lock edits index.json.
   * @throws HearthError STORE_BUSY when that lock is not to be had in time.
   */
  exclusively<T>(work: (file: OpenIndexFile) => Promise<T>): Promise<T>
  /** For readers: never waits, never writes. Undefined when there is none. */
  read(): Promise<Uint8Array | undefined>
  /** For readers too: what we last wrote there. Undefined before the first time, or when it was lost. */
  lastWritten(): Promise<Uint8Array | undefined>
}

export interface OpenIndexFile {
  /** What stands there now; undefined when there is none. */
  current(): Promise<Uint8Array | undefined>
  /** What we last wrote: base of the comparison. Undefined before the first time, or when it was lost. */
  base(): Promise<Uint8Array | undefined>
  /** Replaces index.json atomically and durably, then remembers the bytes as the base. */
  replace(bytes: Uint8Array): Promise<void>
  /** Takes away what stands there, and keeps it; until the next {@link replace} there is none. Idempotent. */
  setAside(): Promise<void>
  /** The same for the base. */
  setBaseAside(): Promise<void>
}
