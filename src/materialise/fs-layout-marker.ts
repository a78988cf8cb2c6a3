import { join, resolve } from 'node:path'
import { OCI_LAYOUT_BYTES, OCI_LAYOUT_FILE } from '../oci/image-layout.js'
import { keepAside } from './fs-keep-aside.js'
import { readWhole } from './fs-read-file.js'
import { replaceFile } from './fs-replace-file.js'
import type { LayoutMarker } from './layout-marker.js'

/** It has thirty. */
const MAX_BYTES = 64 * 1024

/** Adapter: the marker of a layout on disk. */
export class FsLayoutMarker implements LayoutMarker {
  readonly #root: string

  /** @param root the cache's folder. */
  constructor(root: string) {
    this.#root = resolve(root)
  }

  async read(): Promise<Uint8Array | undefined> {
    return await readWhole(join(this.#root, OCI_LAYOUT_FILE), MAX_BYTES)
  }

  async rewrite(): Promise<void> {
    await keepAside(this.#root, OCI_LAYOUT_FILE)
    await replaceFile(join(this.#root, OCI_LAYOUT_FILE), new TextEncoder().encode(OCI_LAYOUT_BYTES))
  }
}
