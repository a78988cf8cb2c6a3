/**
 * Runs every compiled test file with node:test. Node 20 knows no globs, and Node 24 no folders: list the files ourselves.
 * Arguments: parts of file names to run alone, as in `node dist/test/run.js oci/ log/`.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const root = new URL('.', import.meta.url).pathname
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
  .map((name) => join(root, name))
if (files.length === 0) {
  process.stderr.write('no test file matches\n')
  process.exit(2)
}
// --throw-deprecation: a warning from Node about our code is a defect.
// Node's own choice leaves a core idle. Most tests wait for other processes, for pauses or for the disk most of the time.
const atOnce = `--test-concurrency=${2 * availableParallelism()}`
const args = ['--throw-deprecation', '--test', '--test-reporter=spec', atOnce, ...files]
spawn(process.execPath, args, { stdio: 'inherit' }).on('exit', (code, signal) => {
  process.exit(signal === null ? (code ?? 1) : 1)
})
