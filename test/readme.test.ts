import assert from 'node:assert/strict'
import { access, readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { ERRORS } from '../src/errors.js'
import { DEFAULTS } from '../src/options.js'

const ROOT = new URL('../../', import.meta.url)
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'src/README.md', 'test/README.md']

function read(name: string): Promise<string> {
  return readFile(new URL(name, ROOT), 'utf8')
}

describe('README.md', async () => {
  const readme = await read('README.md')

  it('explains every error code once, with its exit code and whether to retry', () => {
    const rows = readme.matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (yes|no) +\| \S.* \|$/gm)
    const documented = Array.from(rows, ([, code, exit, retry]) => [code, Number(exit), retry === 'yes'])
    const real = Object.entries(ERRORS).map(([code, { exitCode, retryable }]) => [code, exitCode, retryable])
    assert.deepEqual(documented, real)
  })

  it('states the defaults that the code has', () => {
    const cells = readme.split('\n').map((line) => line.split(/ +\| +/))
    const defaultOf = (option: string): string | undefined =>
      cells.find(([first]) => first?.startsWith(`| \`${option}`))?.[1]
    assert.equal(defaultOf('-j'), `${DEFAULTS.jobs}`)
    assert.equal(defaultOf('--retries'), `${DEFAULTS.retry.retries}`)
    assert.equal(defaultOf('--durability'), `\`${DEFAULTS.durability}\``)
  })
})

describe('the documents', () => {
  for (const name of DOCUMENTS) {
    it(`${name}: every relative link leads to a file`, async () => {
      for (const [, target = ''] of (await read(name)).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        await access(new URL(target, new URL(name, ROOT)))
      }
    })
  }
})
