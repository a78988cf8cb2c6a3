import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodedOf } from '../../src/oci/digest.js'
import { digestBytes } from '../../src/oci/hasher.js'
import * as layout from '../../src/oci/image-layout.js'

const bytes = new TextEncoder().encode('blob')
const [sha256, sha512, blake3] = await Promise.all(
  (['sha256', 'sha512', 'blake3'] as const).map((algorithm) => digestBytes(bytes, algorithm)),
)

describe('blobPath', () => {
  it('is blobs/<algorithm>/<encoded>, for each algorithm', () => {
    for (const digest of [sha256, sha512, blake3]) {
      assert.ok(digest !== undefined)
      assert.equal(layout.blobPath(digest), `blobs/${digest.replace(':', '/')}`)
    }
  })
})

describe('digestFileName', () => {
  it('is one portable name per digest', () => {
    assert.ok(sha256 !== undefined && blake3 !== undefined)
    assert.equal(layout.digestFileName(sha256), `sha256-${encodedOf(sha256)}`)
    assert.match(layout.digestFileName(blake3), /^[a-z0-9-]+$/)
  })

  it('tells algorithms apart', () => {
    assert.ok(sha256 !== undefined && sha512 !== undefined)
    assert.notEqual(layout.digestFileName(sha256), layout.digestFileName(sha512))
  })
})

describe('image layout', () => {
  it('declares the one version there is', () => {
    assert.deepEqual(JSON.parse(layout.OCI_LAYOUT_BYTES), { imageLayoutVersion: '1.0.0' })
  })

  it('has relative paths only, and all of ours but the lock below .hearth', () => {
    const { OCI_LAYOUT_FILE, INDEX_FILE, BLOBS_FOLDER, LINUXKIT_LOCK, HEARTH_FOLDER } = layout
    const { FORMAT_FILE, LOG_FOLDER, LOG_LOCK, INGEST_FOLDER, CLAIMS_FILE, LEASES_FOLDER, MATERIALISED_FILE } = layout
    const ours = [FORMAT_FILE, LOG_FOLDER, LOG_LOCK, INGEST_FOLDER, CLAIMS_FILE, LEASES_FOLDER, MATERIALISED_FILE]
    const all = [OCI_LAYOUT_FILE, INDEX_FILE, BLOBS_FOLDER, LINUXKIT_LOCK, HEARTH_FOLDER, ...ours]
    for (const path of all) assert.ok(!path.startsWith('/') && !path.split('/').includes('..'), path)
    for (const path of ours) assert.ok(path.startsWith(`${HEARTH_FOLDER}/`), path)
    assert.equal(new Set(all).size, all.length)
  })

  it('keeps the log lock out of LevelDB\u2019s folder', () => {
    assert.ok(!layout.LOG_LOCK.startsWith(`${layout.LOG_FOLDER}/`))
  })
})
