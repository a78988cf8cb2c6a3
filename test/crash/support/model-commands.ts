import fc from 'fast-check'
import { startHearth } from '../../support/hearth.js'
import { ownEntries, readLayout } from './layout.js'
import { checkAgainst, type Model, nameOf, type Real } from './model.js'
import { RECOVER } from './recovery.js'
import { hearthHere, type World } from './world.js'

type Command = fc.AsyncCommand<Model, Real>

/** A command from what it does to both; afterwards the two have to agree. */
function command(
  words: string,
  run: (model: Model, real: Real) => Promise<void>,
  { exact = false, check = () => true }: { exact?: boolean; check?: (model: Readonly<Model>) => boolean } = {},
): Command {
  return {
    check,
    async run(model, real) {
      await run(model, real)
      checkAgainst(model, real.root, { exact })
    },
    toString: () => words,
  }
}

const AMD64 = ['linux/amd64']

/** Every way in which a cache and its registry may change. `kills`: also with processes that are killed. */
export function commands(world: World, tags: readonly string[], kills: boolean): fc.Arbitrary<Command>[] {
  const some = fc.subarray([...tags], { minLength: 1, maxLength: 2 })
  const tag = fc.constantFrom(...tags)
  const policy = fc.constantFrom('missing' as const, 'always' as const)
  const gentle = [
    fc.tuple(some, policy).map(([names, how]) => pull(names, how)),
    some.map((names) => remove(names)),
    fc.tuple(tag, fc.nat(2)).map(([name, image]) => moveTag(world, name, image)),
    tag.map((name) => dropEntry(name)),
    tag.map((name) => copyEntry(name)),
    fc.constant(clean()),
    fc.constant(collect()),
    fc.constant(command('reopen', async (_, real) => real.close())),
  ]
  const rough = fc
    .tuple(fc.constantFrom('pull', 'rm'), tag, fc.nat(700))
    .map(([verb, name, ms]) => kill(verb, name, ms))
  return kills ? [...gentle, rough] : gentle
}

function pull(names: readonly string[], policy: 'missing' | 'always'): Command {
  return command(`pull ${policy} ${names}`, async (model, real) => {
    const { results } = await (await real.cache).pull(names, { platforms: AMD64, pull: policy })
    const failed = results.filter(({ ok }) => !ok)
    if (failed.length > 0) throw new Error(JSON.stringify(failed))
    for (const name of names) {
      const served = model.tags.get(name)
      if (served && (policy === 'always' || !model.held.has(name))) model.held.set(name, served)
    }
  })
}

function remove(names: readonly string[]): Command {
  return command(`rm ${names}`, async (model, real) => {
    await (await real.cache).remove(names)
    for (const name of names) model.held.delete(name)
  })
}

function clean(): Command {
  const run = async (model: Model, real: Real): Promise<void> => {
    await (await real.cache).clean()
    model.held.clear()
  }
  return command('clean', run, { exact: true })
}

function collect(): Command {
  return command('gc', async (_, real) => void (await (await real.cache).reclaim()), { exact: true })
}

function moveTag(world: World, name: string, index: number): Command {
  return command(`${name} moves to image ${index}`, async (model, real) => {
    const image = real.images[index]
    if (image === undefined) throw new TypeError(`no image ${index}`)
    world.move(name, image)
    model.tags.set(name, image)
  })
}

function dropEntry(name: string): Command {
  const run = async (model: Model, real: Real): Promise<void> => {
    real.edit((entries) => entries.filter((entry) => nameOf(entry) !== name))
    model.held.delete(name)
  }
  return command(`another tool drops ${name}`, run, { check: ({ held }) => held.has(name) })
}

function copyEntry(name: string): Command {
  const copied = 'copied.example/by-another-tool:1'
  const run = async (model: Model, real: Real): Promise<void> => {
    real.edit((entries) => [
      ...entries.filter((entry) => nameOf(entry) !== copied),
      ...entries
        .filter((entry) => nameOf(entry) === name)
        .map((entry) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': copied } })),
    ])
    const image = model.held.get(name)
    if (image) model.held.set(copied, image)
  }
  return command(`another tool copies ${name}`, run, { check: ({ held }) => held.has(name) })
}

/**
 * In a process of its own, which gets as far as it gets; what a recovery makes of it has to be one of the two. Before that
 * index.json may be behind a log that has the change.
 */
function kill(verb: string, name: string, ms: number): Command {
  const words = verb === 'pull' ? ['pull', '--pull', 'always', '--platform', 'linux/amd64', name] : ['rm', name]
  return command(`${words.join(' ')}, killed after ${ms} ms`, async (model, real) => {
    await real.close()
    const { child, ended } = startHearth([...words, '--cache', real.root])
    const timer = setTimeout(() => child.kill('SIGKILL'), ms)
    const { exitCode } = await ended
    clearTimeout(timer)
    await hearthHere([...RECOVER, '--cache', real.root])
    model.crashed = true
    const [before, after] = [model.held.get(name), verb === 'pull' ? model.tags.get(name) : undefined]
    const found = ownEntries(readLayout(real.root)).get(name)?.digest
    const done = exitCode === 0 || found !== before?.root.digest
    if (done && after) model.held.set(name, after)
    else if (done) model.held.delete(name)
  })
}
