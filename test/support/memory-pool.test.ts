import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { Digest } from '../../src/oci/digest.js'
import type { FetchBlobTask } from '../../src/pool/tasks.js'
import { MemoryRegistry } from '../../src/registry/memory-registry.js'
import { anImage } from './an-image.js'
import { MemoryPool } from './memory-pool.js'

const IMAGE = await anImage()
const [LAYER] = IMAGE.platforms.get('linux/amd64')?.layers ?? []
const REFERENCE = { registry: 'registry.test', repository: 'app', tag: '1' }

async function setUp() {
  const staged = new Map<Digest, Uint8Array>()
  const registry = new MemoryRegistry()
  registry.add(REFERENCE, IMAGE)
  const pool = new MemoryPool(registry, {
    stage: async (digest, bytes) => {
      staged.set(digest, bytes)
      return { digest, size: bytes.length }
    },
    read: async (digest) => staged.get(digest) ?? new Uint8Array(),
  })
  const { digest, size } = LAYER ?? IMAGE.root
  const [source] = await registry.blobSources(REFERENCE, digest)
  assert.ok(source !== undefined)
  const task: Omit<FetchBlobTask, 'control'> = {
    ...{ kind: 'fetch-blob', digest, size, source },
    ...{ ingest: 'memory:/ingest', boot: 'boot', durability: 'full' },
  }
  return { pool, staged, task }
}

describe('memory pool', () => {
  it('stages what the registry serves, and says how much it was', async () => {
    const { pool, staged, task } = await setUp()
    const reported: number[] = []
    const value = await pool.fetchBlob(task, { onBytes: (bytes) => reported.push(bytes) })
    assert.deepEqual(value, { received: task.size, resumed: 0, restarted: false })
    assert.deepEqual(reported, [task.size])
    assert.deepEqual(staged.get(task.digest), IMAGE.blobs.get(task.digest))
    const verified = { kind: 'verify-blob', path: 'memory:/blob', digest: task.digest } as const
    assert.deepEqual(await pool.verifyBlob(verified), { size: task.size })
  })

  it('refuses another size than the descriptor has', async () => {
    const { pool, task } = await setUp()
    await assert.rejects(pool.fetchBlob({ ...task, size: 1 }), (error) => isHearthError(error, 'SIZE_MISMATCH'))
  })

  it('stops when its signal says so', async () => {
    const { pool, task } = await setUp()
    const signal = AbortSignal.abort()
    await assert.rejects(pool.fetchBlob(task, { signal }), (error) => isHearthError(error, 'ABORTED'))
  })
})
