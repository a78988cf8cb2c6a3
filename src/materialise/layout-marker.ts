/** Port: the file `oci-layout`, without which other tools do not read the folder. */
export interface LayoutMarker {
  /** Undefined when there is none. @throws HearthError LAYOUT_INVALID for anything but a file. */
  read(): Promise<Uint8Array | undefined>
  /** Puts a right one in the place of what stands there, which is kept. Idempotent. */
  rewrite(): Promise<void>
}
