/**
 * Runs benches one after another, each in a process of its own: `npm run bench -- [--quick] [--rounds N] [part of a name …]`.
 * Tables go to stderr, JSON lines to stdout. At the end all targets stand in one table.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { printVerdicts } from './support/report.js'
import type { Verdict } from './support/target.js'

const root = new URL('.', import.meta.url).pathname
const all = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.bench.js'))
  .sort()
const { quick, rounds, help, wanted } = readWords()
if (help) end(0)
const benches = all.filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
if (benches.length === 0) end(2, 'no bench has such a name')
const flags = [...(quick ? ['--quick'] : []), ...(rounds === undefined ? [] : ['--rounds', rounds])]
const verdicts: Verdict[] = []
for (const bench of benches) {
  const child = spawn(process.execPath, [join(root, bench), ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    process.stdout.write(`${line}\n`)
    const record = JSON.parse(line) as Verdict & { readonly kind: string }
    if (record.kind === 'verdict') verdicts.push(record)
  }
  const [code] = (await exit) as [number | null]
  if (code !== 0) process.exit(code ?? 1)
}
const title = quick ? 'All targets; --quick: figures that are not worth keeping' : 'All targets'
if (verdicts.length > 0) printVerdicts(title, verdicts)

function readWords() {
  const options = { quick: { type: 'boolean' }, rounds: { type: 'string' }, help: { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    return { ...values, wanted: positionals }
  } catch (error) {
    return end(2, error instanceof Error ? error.message : String(error))
  }
}

/** Says how it is used instead of running anything: all of them take long, and 20 GiB of disk. */
function end(code: number, problem?: string): never {
  const names = all.map((name) => `  ${name.replace('.bench.js', '')}\n`).join('')
  const usage = `npm run bench -- [--quick] [--rounds N] [part of a name ...]\n\nWithout a name, all of them:\n${names}`
  if (problem === undefined) process.stdout.write(usage)
  else process.stderr.write(`${problem}\n\n${usage}`)
  process.exit(code)
}
