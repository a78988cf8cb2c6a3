/**
 * Sequences of commands, some by other tools, some killed, against a model of a few maps: after each command both have to
 * agree. A sequence that fails is made as short as it gets, and printed with the seed that finds it again.
 */
import { rmSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { checkAgainst, type Model, Real } from './support/model.js'
import { commands } from './support/model-commands.js'
import type { CrashOptions } from './support/options.js'
import { RECOVER } from './support/recovery.js'
import { Report } from './support/report.js'
import { hearthHere, World } from './support/world.js'

export interface ModelOptions {
  readonly runs: number
  readonly seed: number
  /** Which sequence failed, and how it was shortened, as fast-check writes the two. */
  readonly again?: { readonly path: string; readonly replayPath: string }
  /** Also with processes that are killed: half a second each. */
  readonly kills: boolean
}

export async function model({ points, seed, replay }: CrashOptions): Promise<number> {
  const report = new Report(`sequences of commands against a model (seed ${seed})`)
  try {
    const [path = '', replayPath = ''] = replay?.split(' ') ?? []
    const again = replay === undefined ? {} : { again: { path, replayPath } }
    report.count('sequences', points)
    report.count('commands', await checkModel({ runs: points, seed, kills: true, ...again }))
  } catch (error) {
    const text = inspect(error)
    const [path, replayPath] = [/path: "([^"]*)"/, /replayPath="([^"]*)"/].map((pattern) => pattern.exec(text)?.[1])
    const command = `npm run crash -- model --seed ${seed} --points ${points} --replay '${path} ${replayPath}'`
    report.fail({ trial: 'a sequence of commands', problems: [text], replay: command })
  }
  return report.end()
}

/** @returns how many commands there were. @throws Error with the shortest sequence that fails, and its seed. */
export async function checkModel({ runs, seed, again, kills }: ModelOptions): Promise<number> {
  const world = await World.open()
  let count = 0
  try {
    const images = await Promise.all(['one', 'two', 'three'].map((name) => anImage(specOf(name))))
    const tags = await serve(world, images)
    const property = fc.asyncProperty(
      fc.commands(commands(world, [...tags.keys()], kills), {
        maxCommands: 12,
        ...(again && { replayPath: again.replayPath }),
      }),
      async (sequence) => {
        count += await runSequence(world, { images, tags, sequence })
      },
    )
    await fc.assert(property, { numRuns: runs, seed, ...(again && { path: again.path }) })
    return count
  } finally {
    await world.close()
  }
}

function specOf(name: string) {
  return { seed: name, layers: [{ seed: 'base' }, { seed: `half-${name.length}` }, { seed: name }] }
}

async function serve(world: World, images: readonly BuiltImage[]): Promise<Map<string, BuiltImage>> {
  const tags = new Map<string, BuiltImage>()
  for (const [index, image] of images.entries()) tags.set(world.registry.add(image, 'app', `${index}`), image)
  return tags
}

interface Sequence {
  readonly images: readonly BuiltImage[]
  readonly tags: ReadonlyMap<string, BuiltImage>
  readonly sequence: Iterable<fc.AsyncCommand<Model, Real>>
}

async function runSequence(world: World, { images, tags, sequence }: Sequence): Promise<number> {
  const real = new Real(world.path('cache'), images)
  rmSync(real.root, { recursive: true, force: true })
  const started: Model = { tags: new Map(tags), held: new Map(), crashed: false }
  try {
    await fc.asyncModelRun(() => ({ model: started, real }), sequence)
    await real.close()
    // Takes in what other tools did last: verify only says that there is something.
    await hearthHere([...RECOVER, '--cache', real.root])
    if (started.held.size > 0 && (await hearthHere(['verify', '--cache', real.root])) !== 0) {
      throw new Error('verify finds something')
    }
    checkAgainst(started, real.root, { exact: false })
    return [...sequence].length
  } finally {
    await real.close()
    for (const [name, image] of tags) world.move(name, image)
  }
}
