/** The package has no types of its own: only what the files that lock use. */
declare module 'fs-native-extensions' {
  /** F_OFD_SETLK on the whole file (length 0). False when someone else has it; throws on any other failure. */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean
  /** The same on some of its bytes, which need not be there. */
  export function tryLock(fd: number, offset: number, length: number): boolean
  export function unlock(fd: number, offset: number, length: number): void
}
