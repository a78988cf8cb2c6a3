/** Reads an image layout as a stranger would: with nothing of hearth's own but the words of the specification. */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface LayoutEntry {
  readonly digest: string
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

export interface Layout {
  /** Undefined without an index.json. */
  readonly entries: readonly LayoutEntry[] | undefined
  /** index.json's own. */
  readonly annotations: Readonly<Record<string, string>>
  /** Sizes of those blobs that are what their name says. */
  readonly sound: ReadonlyMap<string, number>
  /** What is wrong with what was read. */
  readonly problems: readonly string[]
}

export const REF_NAME = 'org.opencontainers.image.ref.name'
export const POSITION = 'dev.hearth.log.position'
export const HEAD = 'dev.hearth.log.head'
const PLATFORM_OF = 'dev.hearth.platform-of'

export function readLayout(root: string): Layout {
  const { sound, problems } = readBlobs(join(root, 'blobs'))
  const index = readIfAny(join(root, 'index.json'))
  if (index === undefined) return { entries: undefined, annotations: {}, sound, problems }
  const marker = readIfAny(join(root, 'oci-layout'))?.toString()
  if (marker !== '{"imageLayoutVersion":"1.0.0"}') problems.push(`I2: oci-layout says ${marker}`)
  try {
    return { ...parseIndex(index), sound, problems }
  } catch (error) {
    problems.push(`I5: index.json cannot be read: ${error}`)
    return { entries: [], annotations: {}, sound, problems }
  }
}

/** Names and what they stand for; not the entries that hearth derives from others. */
export function ownEntries(layout: Layout): ReadonlyMap<string, LayoutEntry> {
  const own = (layout.entries ?? []).filter(({ annotations }) => annotations[PLATFORM_OF] === undefined)
  return new Map(own.map((entry) => [entry.annotations[REF_NAME] ?? `@${entry.digest}`, entry]))
}

/** All files below a folder, sorted. */
export function everyFile(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => statSync(join(folder, name)).isFile()).sort()
}

function parseIndex(bytes: Buffer): Pick<Layout, 'entries' | 'annotations'> {
  const { manifests, annotations = {} } = JSON.parse(bytes.toString('utf8')) as {
    readonly manifests: readonly (Omit<LayoutEntry, 'annotations'> & Partial<LayoutEntry>)[]
    readonly annotations?: Readonly<Record<string, string>>
  }
  return { entries: manifests.map((entry) => ({ ...entry, annotations: entry.annotations ?? {} })), annotations }
}

function readBlobs(folder: string): { sound: Map<string, number>; problems: string[] } {
  const sound = new Map<string, number>()
  const problems: string[] = []
  for (const algorithm of namesIn(folder)) {
    for (const encoded of namesIn(join(folder, algorithm))) {
      const path = join(folder, algorithm, encoded)
      const stat = lstatSync(path)
      const actual = stat.isFile() ? createHash(algorithm).update(readFileSync(path)).digest('hex') : 'no file'
      if (actual === encoded) sound.set(`${algorithm}:${encoded}`, stat.size)
      else problems.push(`I3: blobs/${algorithm}/${encoded} is ${actual} (${stat.size} bytes)`)
    }
  }
  return { sound, problems }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function readIfAny(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    // A folder in a file's place.
    if (code === 'EISDIR') return Buffer.from('a folder')
    throw error
  }
}
