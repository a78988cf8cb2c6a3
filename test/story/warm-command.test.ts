import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ERRORS } from '../../src/errors.js'
import { anImage } from '../support/an-image.js'
import { modulesRun, packagesOf } from '../support/modules-run.js'
import { startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const CLI = fileURLToPath(new URL('../../bundle/cli.js', import.meta.url))
const registry = await startRawRegistry()
const folder = await tempDir()
const list = join(folder, 'list.txt')
const { host } = registry
for (const name of ['a', 'b'])
  registry.add(await anImage({ seed: name, platforms: ['linux/amd64', 'linux/arm64'] }), name, '1')
await writeFile(list, `${host}/a:1 linux/amd64\n${host}/b:1 linux/arm64\n`)

interface RunOptions {
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
}

async function hearth(words: readonly string[], { stdin = '', env = {} }: RunOptions = {}) {
  const argv = [CLI, '--cache', join(folder, 'cache'), '--retries', '0', ...words]
  const child = spawn(process.execPath, argv, { env: { PATH: process.env.PATH, ...env }, cwd: folder })
  child.stdin.end(stdin)
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { stdout, stderr, exitCode: exitCode as number }
}

describe('hearth warm and hearth lock', () => {
  after(() => registry.close())

  it('plan, lock, warm from standard input, and find all up to date', async () => {
    const planned = await hearth(['warm', '-f', list, '--dry-run', '--json'])
    assert.deepEqual([planned.exitCode, planned.stderr], [0, ''])
    assert.deepEqual([JSON.parse(planned.stdout).totals.images, JSON.parse(planned.stdout).totals.fetchBlobs], [2, 8])

    const printed = await hearth(['lock', list])
    assert.equal((await hearth(['lock', '-o', 'x.lock', 'list.txt'])).exitCode, 0)
    assert.equal(await readFile(join(folder, 'x.lock'), 'utf8'), printed.stdout)

    const stdin = await readFile(list, 'utf8')
    const warmed = await hearth(['warm', '-f', '-', '--locked', 'x.lock'], { stdin })
    assert.deepEqual(warmed.exitCode, 0, warmed.stderr)
    assert.match(warmed.stdout, /\n2 images: 2 pulled, 0 up to date, 0 failed, .+ in 8 blobs fetched, /)
    assert.match(warmed.stderr, /2\/2 images|done/)

    const again = await hearth(['warm', '-f', list, '--json'])
    assert.equal(JSON.parse(again.stdout).totals.upToDate, 2)
  })

  it('say on standard error where an input is broken, and exit with 2', async () => {
    const { stdout, stderr, exitCode } = await hearth(['warm', '-f', '-'], { stdin: 'alpine\nredis :7\n' })
    assert.deepEqual([stdout, exitCode], ['', ERRORS.INPUT_INVALID.exitCode])
    assert.match(stderr, /^hearth: INPUT_INVALID: -:2:7: .+\n$/)
  })

  it('read standard input once', async () => {
    const { stderr, exitCode } = await hearth(['warm', '-f', '-', '-f', '-'], { stdin: 'alpine\n' })
    assert.equal(exitCode, ERRORS.INPUT_INVALID.exitCode)
    assert.match(stderr, /^hearth: INPUT_INVALID: /)
  })

  it('take the variables of a Compose file from the environment', async () => {
    const stdin = `services: { a: { image: "${host}/\${NAME}:1" } }\n`
    assert.equal((await hearth(['lock', '-'], { stdin })).exitCode, ERRORS.INPUT_INVALID.exitCode)
    assert.match((await hearth(['lock', '-'], { stdin, env: { NAME: 'a' } })).stdout, /"digest": "sha256:/)
  })

  it('load no parser of YAML for a list of lines, nor for a lock', async () => {
    const coverage = await tempDir()
    const files = ['-f', list, '-f', 'x.lock']
    await hearth(['warm', ...files, '--dry-run', '--pull', 'never'], { env: { NODE_V8_COVERAGE: coverage } })
    const modules = (await modulesRun(coverage)).flat()
    assert.ok(modules.some((path) => path.endsWith('/plan-warm.js')))
    assert.ok(!packagesOf(modules).includes('yaml'))
  })
})
