/** The package has no types of its own: only what fs-lock.ts uses. */
declare module 'fs-native-extensions' {
  /** F_OFD_SETLK on the whole file (length 0). False when someone else has it; throws on any other failure. */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean
}
