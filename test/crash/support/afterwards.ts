import { readdirSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { hearth } from '../../support/hearth.js'
import { findTool, runTool } from '../../support/interop.js'
import { everyFile, ownEntries, readLayout } from './layout.js'
import { CANARY, hearthHere, type World } from './world.js'

const TWO_HOURS_S = 2 * 60 * 60

/**
 * What is checked last, because it costs time or changes the cache: that other tools read it (I9), that the command
 * finds nothing wrong, that no secret is in it (I10), and that removing all images leaves nothing behind (I8).
 */
export async function checkAfterwards(root: string, world: World, { tools }: { tools: boolean }): Promise<string[]> {
  const problems = checkSecrets(root)
  if (tools) {
    const { exitCode, stdout } = await hearth(['verify', '--cache', root], { env: world.env })
    if (exitCode !== 0) problems.push(`I5: verify finds: ${stdout}`)
    problems.push(...(await checkTools(root)))
  }
  age(root)
  const names = [...ownEntries(readLayout(root)).keys()]
  if (names.length > 0) await hearthHere(['unpin', ...names, '--cache', root])
  await hearthHere(['clean', '--cache', root])
  await hearthHere(['gc', '--cache', root])
  return [...problems, ...checkEmpty(root)]
}

function checkSecrets(root: string): string[] {
  const files = everyFile(root).filter((path) => readFileSync(join(root, path)).includes(CANARY))
  return files.map((path) => `I10: there is a secret in ${path}`)
}

async function checkTools(root: string): Promise<string[]> {
  const problems: string[] = []
  for (const [name, { annotations }] of ownEntries(readLayout(root))) {
    try {
      if (findTool('skopeo')) await runTool('skopeo', 'inspect', '--override-arch', 'amd64', `oci:${root}:${name}`)
      // It does not choose from an index: that is what the entries for each platform are for.
      const several = annotations['org.opencontainers.image.ref.name']?.includes('multi')
      if (findTool('umoci') && !several) await runTool('umoci', 'stat', '--image', `${root}:${name}`)
    } catch (error) {
      problems.push(`I9: ${name}: ${error}`)
    }
  }
  return problems
}

/** What nobody knows under blobs/, and what was being staged, is kept for an hour: its owner may be alive. */
function age(root: string): void {
  const then = Date.now() / 1000 - TWO_HOURS_S
  for (const folder of [join(root, 'blobs'), join(root, '.hearth/ingest')]) {
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      utimesSync(join(folder, path), then, then)
  }
}

function checkEmpty(root: string): string[] {
  const strays = everyFile(root).filter(
    (path) => !/^\.hearth\/(log\/|damaged\/|archive\/.*\.jsonl$)/.test(path) && !KNOWN.has(path),
  )
  return strays.map((path) => `I8: after clean there is still ${path}`)
}

const KNOWN = new Set([
  'index.json',
  'oci-layout',
  '.lock',
  '.hearth/claims.lock',
  '.hearth/format.json',
  '.hearth/init.lock',
  '.hearth/log.lock',
  '.hearth/materialised.json',
  '.hearth/reserve',
])
