/**
 * Runs benches one after another, each in a process of its own: `npm run bench -- [--quick] [--rounds N] [part of a name …]`.
 * Tables go to stderr, JSON lines to stdout.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('.', import.meta.url).pathname
const words = process.argv.slice(2)
const at = words.indexOf('--rounds')
const wanted = words.filter((word, index) => !word.startsWith('--') && (at === -1 || index !== at + 1))
const benches = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.bench.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
for (const bench of benches) {
  const child = spawn(process.execPath, [join(root, bench), ...words], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) process.exit(code ?? 1)
}
