import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { INDEX_FILE, OCI_LAYOUT_BYTES, OCI_LAYOUT_FILE, REF_NAME } from '../../src/oci/image-layout.js'
import { anImage } from '../support/an-image.js'
import { hearth, hearthOk } from '../support/hearth.js'
import { modulesRun, packagesOf } from '../support/modules-run.js'
import { startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const REFERENCES = 1000

describe('a cache of 1,000 references', () => {
  let cache: string

  before(async () => {
    cache = await tempDir()
    const { root } = await anImage()
    const manifests = Array.from({ length: REFERENCES - 1 }, (_, at) => ({
      ...root,
      annotations: { [REF_NAME]: `registry.example.com/library/image-${at}:1.0` },
    }))
    await writeFile(join(cache, OCI_LAYOUT_FILE), OCI_LAYOUT_BYTES)
    await writeFile(join(cache, INDEX_FILE), JSON.stringify({ schemaVersion: 2, manifests }))
    // One pull makes it hearth's own: a log that has adopted them all, and an index.json made from it.
    const registry = await startRawRegistry()
    const name = registry.add(await anImage({ platforms: ['linux/amd64', 'linux/arm64'] }), 'library/app', '1.0')
    await hearthOk(['pull', name, '--platform', 'linux/amd64', '--cache', cache])
    await registry.close()
  })

  it('is listed whole, and adopted whole', async () => {
    const { references } = JSON.parse(await hearthOk(['ls', '--json', '--cache', cache]))
    assert.equal(references.length, REFERENCES)
    const adopted = (await hearthOk(['log', '--json', '--cache', cache])).match(/"origin":"adopted"/g)
    assert.equal(adopted?.length, REFERENCES - 1)
  })

  for (const argv of [['ls'], ['ls', '--json'], ['inspect', 'library/app:1.0']]) {
    it(`is read by ${argv.slice(0, 2).join(' ')} in one thread, with no package but the command line's`, async () => {
      const coverage = await tempDir()
      await hearth([...argv, '--cache', cache], { env: { NODE_V8_COVERAGE: coverage } })
      const threads = await modulesRun(coverage)
      assert.equal(threads.length, 1)
      const modules = threads.flat()
      assert.ok(modules.some((path) => path.endsWith('/bundle/hearth.js')))
      assert.deepEqual(packagesOf(modules), ['commander'])
    })
  }
})
