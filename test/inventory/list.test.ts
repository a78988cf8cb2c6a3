import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { listReferences } from '../../src/inventory/list.js'
import { MemoryIndexFile } from '../../src/materialise/memory-index-file.js'
import { CONTAINERD_IMAGE_NAME, REF_NAME } from '../../src/oci/image-layout.js'
import { aDescriptorOf, referenceSet } from '../support/a-log.js'
import { ACache } from './a-cache.js'

async function listed(...references: readonly ReturnType<typeof referenceSet>[]) {
  const cache = new ACache()
  await cache.record(...references)
  await cache.materialise()
  return listReferences(cache.indexFile)
}

/** What another tool may write. */
function foreign(manifests: readonly object[]): MemoryIndexFile {
  const file = new MemoryIndexFile()
  file.bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }))
  return file
}

describe('listReferences', () => {
  it('of a folder without index.json is empty', async () => {
    assert.deepEqual(await listReferences(new MemoryIndexFile()), [])
  })

  it('gives back what was recorded, sorted by name', async () => {
    const names = ['docker.io/library/web:1', 'docker.io/library/app:2', 'docker.io/library/app:10']
    const references = await listed(
      ...names.map((name) => referenceSet(name, { platforms: ['linux/arm64/v8'], size: 42 })),
    )
    assert.deepEqual(
      references,
      names.toSorted().map((reference) => {
        const { digest, mediaType } = aDescriptorOf(reference)
        return { reference, digest, mediaType, platforms: ['linux/arm64/v8'], size: 42, pinned: false }
      }),
    )
  })

  it('takes the names of other tools verbatim, and @digest for an image without one', async () => {
    const named = { ...aDescriptorOf('named'), annotations: { [REF_NAME]: 'My Build' } }
    const containerd = { ...aDescriptorOf('ctr'), annotations: { [CONTAINERD_IMAGE_NAME]: 'ctr:1' } }
    const unnamed = aDescriptorOf('unnamed')
    const references = await listReferences(foreign([unnamed, named, containerd]))
    assert.deepEqual(
      references.map(({ reference, platforms, size }) => [reference, platforms, size]),
      [
        [`@${unnamed.digest}`, [], undefined],
        ['My Build', [], undefined],
        ['ctr:1', [], undefined],
      ],
    )
  })

  it('refuses a file that is no image index', async () => {
    const file = new MemoryIndexFile()
    file.bytes = Buffer.from('{"manifests":')
    await assert.rejects(listReferences(file), (error) => isHearthError(error, 'LAYOUT_INVALID'))
  })

  it('lists ten thousand references in one reading', async () => {
    const references = Array.from({ length: 10_000 }, (_, at) => referenceSet(`docker.io/library/app:${at}`))
    assert.equal((await listed(...references)).length, 10_000)
  })
})
