import assert from 'node:assert/strict'
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { digestBytes } from '../../src/oci/hasher.js'
import { ThreadHash } from '../../workers/thread-hash.js'
import { seededBytes } from '../support/seeded-bytes.js'
import { tempDir } from '../support/temp-dir.js'

const BYTES = seededBytes('hashed on a thread', 3 * 1024 * 1024 + 5)
const HALF = 1_500_000

describe('ThreadHash', () => {
  let path: string
  beforeEach(async () => {
    path = join(await tempDir(), 'data')
  })

  for (const algorithm of ['sha256', 'sha512', 'blake3'] as const) {
    it(`hashes what was there and what is written meanwhile (${algorithm})`, async () => {
      await writeFile(path, BYTES.subarray(0, HALF))
      const hash = new ThreadHash(path, algorithm, HALF)
      for (let at = HALF; at < BYTES.length; at += 100_000) {
        const chunk = BYTES.subarray(at, at + 100_000)
        await appendFile(path, chunk)
        hash.passBy(at, chunk, at + chunk.length)
      }
      assert.equal(await hash.finish(BYTES.length), await digestBytes(BYTES, algorithm))
    })
  }

  it('does not take a file that was cut short for the whole', async () => {
    await writeFile(path, BYTES)
    await truncate(path, HALF)
    const hash = new ThreadHash(path, 'sha256', BYTES.length)
    assert.notEqual(await hash.finish(BYTES.length), await digestBytes(BYTES))
  })

  it('gives nothing when the file cannot be read', async () => {
    assert.equal(await new ThreadHash(path, 'sha256', 0).finish(0), undefined)
  })

  it('ends when nobody wants it any more', async () => {
    await writeFile(path, BYTES)
    const hash = new ThreadHash(path, 'sha256', 0)
    hash.stop()
    hash.stop()
    await hash.finish(0)
  })
})
