import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createControl, reportedBytes, requestStop } from '../../src/pool/task-control.js'
import verifyBlob from '../../workers/verify-blob.js'
import { aBlob } from '../support/a-blob.js'
import { aPipe } from '../support/a-pipe.js'
import { tempDir } from '../support/temp-dir.js'

const scratch = await tempDir()
const blob = await aBlob('stored ', 10 * 1024 * 1024)

async function aTask() {
  const path = join(await mkdtemp(join(scratch, 'verify-')), 'blob')
  await writeFile(path, blob.bytes)
  return { kind: 'verify-blob', path, digest: blob.digest, size: blob.size, control: createControl() } as const
}

describe('the verify-blob task', () => {
  it('gives failures as plain data, which survive the way between threads', async () => {
    const outcome = await verifyBlob({ ...(await aTask()), size: 1 })
    assert.deepEqual(structuredClone(outcome), outcome)
    assert.ok(!outcome.ok && outcome.failure.code === 'SIZE_MISMATCH')
  })

  it('does not wait for somebody to write into a planted pipe', async () => {
    const task = await aTask()
    const pipe = `${task.path}.pipe`
    aPipe(pipe)
    const outcome = await verifyBlob({ ...task, path: pipe })
    assert.ok(!outcome.ok && outcome.failure.code === 'BLOB_UNKNOWN')
  })

  it('reads nothing more once it was asked to stop', async () => {
    const task = await aTask()
    requestStop(task.control)
    const outcome = await verifyBlob(task)
    assert.ok(!outcome.ok && outcome.failure.code === 'ABORTED')
    assert.equal(reportedBytes(task.control), 0)
  })

  it('lets other tasks of its thread have their turn', async () => {
    const task = await aTask()
    let bytesAtTurn: number | undefined
    setImmediate(() =>
      setImmediate(() =>
        setImmediate(() => {
          bytesAtTurn = reportedBytes(task.control)
        }),
      ),
    )
    const outcome = await verifyBlob(task)
    assert.ok(outcome.ok)
    assert.ok(bytesAtTurn !== undefined && bytesAtTurn < blob.size)
  })

  it('answers with a failure for a disk that cannot be read', { skip: process.platform !== 'linux' }, async () => {
    // The kernel answers EIO to a read of unmapped memory, which is as close to a bad sector as a test gets.
    const outcome = await verifyBlob({
      kind: 'verify-blob',
      path: '/proc/self/mem',
      digest: blob.digest,
      control: createControl(),
    })
    assert.ok(!outcome.ok && outcome.failure.code === 'STORE_FAILED')
  })

  it('keeps the report of a defect: INTERNAL', async () => {
    const task = { ...(await aTask()), digest: 'unheard-of:0' as never }
    const outcome = await verifyBlob(task)
    assert.ok(!outcome.ok && outcome.failure.code === 'INTERNAL')
  })
})
