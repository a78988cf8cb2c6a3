import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { parseDiffIds } from '../../src/oci/image-config.js'

const parse = (config: unknown) => parseDiffIds(Buffer.from(JSON.stringify(config)))

describe('the diff IDs of a config', () => {
  it('are those of its layers, in their order', async () => {
    const ids = [await digestBytes(Buffer.from('a')), await digestBytes(Buffer.from('b'))]
    assert.deepEqual(parse({ os: 'linux', rootfs: { type: 'layers', diff_ids: ids } }), ids)
  })

  it('may be none', () => {
    assert.deepEqual(parse({ rootfs: { type: 'layers', diff_ids: null } }), [])
    assert.deepEqual(parse({ rootfs: { type: 'layers' } }), [])
  })

  it('are refused when they are anything else', () => {
    for (const config of [
      null,
      {},
      { rootfs: null },
      { rootfs: { diff_ids: {} } },
      { rootfs: { diff_ids: ['x'] } },
      { Rootfs: {} },
    ]) {
      assert.throws(
        () => parse(config),
        (error) => isHearthError(error, 'MANIFEST_INVALID'),
        JSON.stringify(config),
      )
    }
  })
})
