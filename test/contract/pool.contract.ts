import assert from 'node:assert/strict'
import { mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { Pool } from '../../src/pool/pool.js'
import type { VerifyBlobTask } from '../../src/pool/tasks.js'
import { aBlob, type TestBlob } from '../support/a-blob.js'

// More than the worker reads before it gives way to others.
const large = await aBlob('a large blob, ', 20 * 1024 * 1024)

/** What every Pool promises of its verify task. `scratch`: a folder of the calling file. */
export function poolContract(name: string, scratch: string, open: () => Pool): void {
  describe(`${name} keeps the Pool contract`, () => {
    let pool: Pool
    let folder: string
    before(() => {
      pool = open()
    })
    after(() => pool.close())
    beforeEach(async () => {
      folder = await mkdtemp(join(scratch, 'pool-'))
    })

    async function aTask(blob: TestBlob, bytes = blob.bytes): Promise<Omit<VerifyBlobTask, 'control'>> {
      const path = join(folder, 'blob')
      await writeFile(path, bytes)
      return { kind: 'verify-blob', path, digest: blob.digest, size: blob.size }
    }

    for (const algorithm of ['sha256', 'sha512', 'blake3'] as const) {
      it(`verifies a sound blob (${algorithm})`, async () => {
        const blob = await aBlob('sound', 3 * 1024 * 1024 + 1, algorithm)
        assert.deepEqual(await pool.verifyBlob(await aTask(blob)), { size: blob.size })
      })
    }

    it('verifies a blob of no bytes', async () => {
      assert.deepEqual(await pool.verifyBlob(await aTask(await aBlob(''))), { size: 0 })
    })

    it('finds the size where none was recorded', async () => {
      const { size, ...task } = await aTask(large)
      assert.deepEqual(await pool.verifyBlob(task), { size })
    })

    it('refuses a blob with one bit flipped', async () => {
      const bytes = large.bytes.slice()
      bytes[large.size - 1] = (bytes[large.size - 1] ?? 0) ^ 1
      const verified = pool.verifyBlob(await aTask(large, bytes))
      await assert.rejects(verified, (error) => {
        assert.ok(isHearthError(error, 'DIGEST_MISMATCH'))
        return error.details.expected === large.digest && error.details.actual !== large.digest
      })
    })

    it('refuses a blob of another size before it reads a byte', async () => {
      const seen: number[] = []
      const task = { ...(await aTask(large)), size: large.size - 1 }
      const verified = pool.verifyBlob(task, { onBytes: (bytes) => seen.push(bytes) })
      await assert.rejects(verified, (error) => isHearthError(error, 'SIZE_MISMATCH'))
      assert.deepEqual(seen, [])
    })

    it('refuses what is absent, a folder or a link', async () => {
      const task = await aTask(large)
      const link = join(folder, 'link')
      await symlink(task.path, link)
      for (const path of [join(folder, 'absent'), folder, link]) {
        await assert.rejects(pool.verifyBlob({ ...task, path }), (error) => isHearthError(error, 'BLOB_UNKNOWN'))
      }
    })

    it('accounts for every byte, and never for more', async () => {
      const seen: number[] = []
      await pool.verifyBlob(await aTask(large), { onBytes: (bytes) => seen.push(bytes) })
      assert.equal(seen.at(-1), large.size)
      assert.deepEqual(
        seen,
        [...seen].sort((left, right) => left - right),
      )
    })

    it('does many tasks at once, and each caller gets its own result', async () => {
      const blobs = await Promise.all(['one', 'three', 'fifteen letters'].map((text) => aBlob(text)))
      const tasks = blobs.map(async ({ digest, size, bytes }, at) => {
        const path = join(folder, `blob-${at}`)
        await writeFile(path, bytes)
        return await pool.verifyBlob({ kind: 'verify-blob', path, digest, size })
      })
      assert.deepEqual(
        await Promise.all(tasks),
        blobs.map(({ size }) => ({ size })),
      )
    })

    it('does not begin under a signal that has gone off', async () => {
      const verified = pool.verifyBlob(await aTask(large), { signal: AbortSignal.abort() })
      await assert.rejects(verified, (error) => isHearthError(error, 'ABORTED'))
    })

    it('stops a task on a signal, and does the next one', async () => {
      const task = await aTask(large)
      const controller = new AbortController()
      const verified = pool.verifyBlob(task, { signal: controller.signal })
      controller.abort()
      await assert.rejects(verified, (error) => isHearthError(error, 'ABORTED'))
      assert.deepEqual(await pool.verifyBlob(task), { size: large.size })
    })

    it('stops its tasks when it is closed, which may be done twice, and refuses new ones', async () => {
      const own = open()
      const task = await aTask(large)
      const verified = own.verifyBlob(task)
      const refused = assert.rejects(verified, (error) => isHearthError(error, 'ABORTED'))
      await Promise.all([own.close(), own.close()])
      await refused
      await assert.rejects(own.verifyBlob(task), (error) => isHearthError(error, 'ABORTED'))
      await own.close()
    })

    it('closes without ever having had a task', async () => {
      await open().close()
    })
  })
}
