import type { ReadyIngest } from '../blobs/blob-store.js'
import type { Staging } from '../blobs/staging.js'
import { HearthError } from '../errors.js'
import { throwIfAborted } from '../inventory/lanes.js'
import { algorithmOf, type Digest } from '../oci/digest.js'
import { createHasher } from '../oci/hasher.js'
import { archiveInvalid } from './archive-error.js'
import { type ControlFile, parseArchiveName, plainName } from './archive-name.js'
import { type Bytes, collectBytes } from './bytes.js'
import { decompressed } from './compression.js'
import { MAX_INDEX_BYTES, MAX_LAYOUT_BYTES } from './read-index.js'
import { TAR_TYPES, type TarHeader } from './tar-header.js'
import { readTar, TAR_LIMITS, type TarEntry } from './tar-reader.js'

/** What stood in an archive. Its blobs and parts are staged now, except those that the cache had already. */
export interface ArchiveContent {
  readonly controls: ReadonlyMap<ControlFile, Uint8Array>
  readonly blobs: ReadonlyMap<Digest, ReadyIngest>
  /** By name: everything that a Docker archive's manifest.json may speak of, blobs too. */
  readonly parts: ReadonlyMap<string, ReadyIngest>
  /** Name to the name that it links to. */
  readonly links: ReadonlyMap<string, string>
}

export interface ReadArchiveDeps {
  readonly staging: Pick<Staging, 'stage'>
  /** Whether the cache has a sound blob of this size: then the archive's is left out. */
  isPresent(digest: Digest, size: number): Promise<boolean>
  readonly signal?: AbortSignal
}

/** RELIABILITY 7.2, D6. */
const MAX_CONTROL_BYTES: Readonly<Record<ControlFile, number>> = {
  'oci-layout': MAX_LAYOUT_BYTES,
  'index.json': MAX_INDEX_BYTES,
  'manifest.json': 1024 * 1024,
}
/** Each is a file on the disk for a while. */
const MAX_STAGED = 100_000
/** Entries of an archive of images; only layers have more. */
const LIMITS = { ...TAR_LIMITS, maxEntries: 1_000_000 }

/**
 * Reads an archive from front to back, once: whatever may turn out to be needed is staged as it comes, because what the names
 * stand for may come last. Gzip around it is taken away.
 * @throws HearthError ARCHIVE_INVALID, DIGEST_MISMATCH for a blob that is not what it is called, ABORTED; NO_SPACE …
 */
export async function readArchive(source: Bytes, deps: ReadArchiveDeps): Promise<ArchiveContent> {
  const reading = new Reading(deps)
  for await (const entry of readTar(decompressed(source), LIMITS)) {
    throwIfAborted(deps.signal)
    await reading.take(entry)
  }
  return reading
}

class Reading implements ArchiveContent {
  readonly controls = new Map<ControlFile, Uint8Array>()
  readonly blobs = new Map<Digest, ReadyIngest>()
  readonly parts = new Map<string, ReadyIngest>()
  readonly links = new Map<string, string>()
  readonly #deps: ReadArchiveDeps
  #staged = 0

  constructor(deps: ReadArchiveDeps) {
    this.#deps = deps
  }

  async take({ header, content }: TarEntry): Promise<void> {
    if (header.type === TAR_TYPES.folder) return void plainName(header.name)
    const found = parseArchiveName(header.name)
    if (header.type === TAR_TYPES.symlink || header.type === TAR_TYPES.link) return this.#takeLink(header, found.name)
    if (header.type !== TAR_TYPES.file && header.type !== TAR_TYPES.contiguous) {
      throw archiveInvalid(`the archive has an entry that is neither file nor folder: ${found.name}`)
    }
    if (this.links.has(found.name)) throw twice(found.name)
    switch (found.kind) {
      case 'control':
        return this.#takeControl(found.name, content)
      case 'blob':
        return this.#takeBlob(found, header.size, content)
      case 'part':
        return this.#takePart(found.name, content)
      case 'other':
        return
    }
  }

  async #takeControl(name: ControlFile, content: Bytes): Promise<void> {
    if (this.controls.has(name)) throw twice(name)
    const most = MAX_CONTROL_BYTES[name]
    const tooMany = () => archiveInvalid(`${name} has more than ${most} bytes`)
    this.controls.set(name, await collectBytes(content, most, tooMany))
  }

  /** A second one of the same name has to be right as well: readers differ in which of them they take. */
  async #takeBlob(
    found: { readonly name: string; readonly digest: Digest },
    size: number,
    content: Bytes,
  ): Promise<void> {
    const { name, digest } = found
    if (this.blobs.has(digest)) return await checkBytes(digest, content)
    const ready = { digest, size }
    if (!(await this.#deps.isPresent(digest, size))) await this.#stage(content, digest)
    this.blobs.set(digest, ready)
    this.parts.set(name, ready)
  }

  async #takePart(name: string, content: Bytes): Promise<void> {
    if (this.parts.has(name)) throw twice(name)
    this.parts.set(name, await this.#stage(content))
  }

  /** Old Docker archives say in this way that two layers are the same. Followed later, and only to files that are here. */
  #takeLink({ type, linkName }: TarHeader, name: string): void {
    if (this.links.has(name) || this.parts.has(name)) throw twice(name)
    if (!name.endsWith('.tar')) throw archiveInvalid(`the archive has a link where a file belongs: ${name}`)
    const folder = type === TAR_TYPES.link ? [] : name.split('/').slice(0, -1)
    const target: string[] = []
    for (const part of [...folder, ...linkName.split('/')]) {
      if (part === '..' && target.pop() === undefined) throw archiveInvalid(`a link leads out of the archive: ${name}`)
      if (part !== '..' && part !== '.') target.push(part)
    }
    this.links.set(name, plainName(target.join('/')))
  }

  async #stage(content: Bytes, expected?: Digest): Promise<ReadyIngest> {
    this.#staged += 1
    if (this.#staged > MAX_STAGED) throw archiveInvalid(`the archive has more than ${MAX_STAGED} blobs`)
    return await this.#deps.staging.stage(this.#abortable(content), expected)
  }

  async *#abortable(content: Bytes): Bytes {
    for await (const chunk of content) {
      throwIfAborted(this.#deps.signal)
      yield chunk
    }
  }
}

async function checkBytes(expected: Digest, content: Bytes): Promise<void> {
  const hasher = await createHasher(algorithmOf(expected))
  for await (const chunk of content) hasher.update(chunk)
  const actual = hasher.digest()
  if (actual === expected) return
  throw new HearthError('DIGEST_MISMATCH', `the archive has a second ${expected}, which is another`, {
    expected,
    actual,
  })
}

function twice(name: string): Error {
  return archiveInvalid(`the archive has ${name} twice`)
}
