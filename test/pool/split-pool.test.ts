import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pool } from '../../src/pool/pool.js'
import { SplitPool } from '../../src/pool/split-pool.js'
import { aBlob } from '../support/a-blob.js'

const MIB = 1024 * 1024

describe('SplitPool', () => {
  let taken: string[]
  let pool: SplitPool
  let digest: Awaited<ReturnType<typeof aBlob>>['digest']

  const writesDown = (name: string): Pool => ({
    fetchBlob: async () => {
      taken.push(name)
      return { received: 0, resumed: 0, restarted: false }
    },
    verifyBlob: async () => {
      taken.push(name)
      return { size: 0 }
    },
    close: async () => void taken.push(`${name} closed`),
  })

  beforeEach(async () => {
    taken = []
    pool = new SplitPool({ near: writesDown('near'), far: writesDown('far') })
    digest = (await aBlob('any')).digest
  })

  async function fetch(...sizes: number[]): Promise<readonly string[]> {
    const source = { url: 'http://127.0.0.1:1/', headers: {}, host: '127.0.0.1:1' }
    const rest = { kind: 'fetch-blob', digest, ingest: '', source, boot: '', durability: 'full' } as const
    for (const size of sizes) await pool.fetchBlob({ ...rest, size })
    return taken
  }

  it('starts no thread for a few images without a large layer', async () => {
    assert.deepEqual(await fetch(1000, 8 * MIB, MIB, 3 * MIB), ['near', 'near', 'near', 'near'])
  })

  it('sends a large layer to a thread, and from then on all but the small ones', async () => {
    assert.deepEqual(await fetch(8 * MIB, 8 * MIB + 1, 2 * MIB, MIB), ['near', 'far', 'far', 'near'])
  })

  it('starts the threads when the calling one would have to bring much', async () => {
    assert.deepEqual(await fetch(...Array<number>(7).fill(8 * MIB), MIB), [
      ...Array<string>(6).fill('near'),
      'far',
      'near',
    ])
  })

  it('hashes on threads, and closes both', async () => {
    await pool.verifyBlob({ kind: 'verify-blob', path: '', digest })
    await pool.close()
    assert.deepEqual(taken, ['far', 'near closed', 'far closed'])
  })
})
