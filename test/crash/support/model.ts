/** What a cache and its registry amount to, in a few maps: what every sequence of commands has to agree with. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cache } from '../../../src/index.js'
import { openCache } from '../../../src/index.js'
import type { BuiltImage } from '../../support/an-image.js'
import { digestsOf } from '../../support/an-image.js'
import { ownEntries, REF_NAME, readLayout } from './layout.js'

export interface Model {
  /** What each tag of the registry stands for. */
  readonly tags: Map<string, BuiltImage>
  /** What each reference of the cache stands for. */
  readonly held: Map<string, BuiltImage>
  /** Whether a crash may have left blobs that nobody knows: they are kept for an hour. */
  crashed: boolean
}

/** The real thing: a cache on disk, which is opened anew now and then. */
export class Real {
  readonly root: string
  readonly images: readonly BuiltImage[]
  #cache: Promise<Cache> | undefined

  constructor(root: string, images: readonly BuiltImage[]) {
    this.root = root
    this.images = images
  }

  get cache(): Promise<Cache> {
    this.#cache ??= openCache({ path: this.root })
    return this.#cache
  }

  async close(): Promise<void> {
    await (await this.#cache)?.close()
    this.#cache = undefined
  }

  /** As another tool would edit index.json: without asking anybody. */
  edit(change: (entries: Entry[]) => Entry[]): void {
    const path = join(this.root, 'index.json')
    const index = JSON.parse(readFileSync(path, 'utf8')) as { manifests: Entry[] }
    rmSync(path)
    writeFileSync(path, JSON.stringify({ schemaVersion: 2, manifests: change(index.manifests) }))
  }
}

export interface Entry {
  readonly annotations?: Record<string, string>
}

export function nameOf({ annotations }: Entry): string | undefined {
  return annotations?.[REF_NAME]
}

/** Throws unless the layout says what the model says, and has all that it takes. */
export function checkAgainst({ held, crashed }: Model, root: string, { exact }: { exact: boolean }): void {
  const layout = readLayout(root)
  const problems = [...layout.problems]
  const actual = [...ownEntries(layout)].map(([name, { digest }]) => `${name} ${digest}`).sort()
  const expected = [...held]
    .map(
      ([
        name,
        {
          root: { digest },
        },
      ]) => `${name} ${digest}`,
    )
    .sort()
  if (actual.join() !== expected.join()) problems.push(`index.json says ${actual}, the model ${expected}`)
  const needed = new Set([...held.values()].flatMap((image) => [...digestsOf(image)]))
  for (const digest of needed) if (!layout.sound.has(digest)) problems.push(`${digest} is needed, and not there`)
  if (exact && !crashed && layout.sound.size !== needed.size) {
    problems.push(`${layout.sound.size} blobs are there, ${needed.size} are needed`)
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
}
