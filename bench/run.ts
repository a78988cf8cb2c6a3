/**
 * Runs benches one after another, each in a process of its own: `npm run bench -- [--quick] [--rounds N] [part of a name …]`.
 * Tables go to stderr, JSON lines to stdout. At the end all targets stand in one table.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { printVerdicts } from './support/report.js'
import type { Verdict } from './support/target.js'

const root = new URL('.', import.meta.url).pathname
const words = process.argv.slice(2)
const at = words.indexOf('--rounds')
const wanted = words.filter((word, index) => !word.startsWith('--') && (at === -1 || index !== at + 1))
const benches = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.bench.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
const verdicts: Verdict[] = []
for (const bench of benches) {
  const child = spawn(process.execPath, [join(root, bench), ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    process.stdout.write(`${line}\n`)
    const record = JSON.parse(line) as Verdict & { readonly kind: string }
    if (record.kind === 'verdict') verdicts.push(record)
  }
  const [code] = (await exit) as [number | null]
  if (code !== 0) process.exit(code ?? 1)
}
const title = words.includes('--quick') ? 'All targets; --quick: figures that are not worth keeping' : 'All targets'
if (verdicts.length > 0) printVerdicts(title, verdicts)
