import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { isHearthError } from '../../src/errors.js'
import { PiscinaPool } from '../../src/pool/piscina-pool.js'
import { poolContract } from '../contract/pool.contract.js'
import { aBlob } from '../support/a-blob.js'
import { tempDir } from '../support/temp-dir.js'
import { WORKER_SETTINGS } from '../support/worker-settings.js'

const options = { threads: 2, tasksPerThread: 2, settings: WORKER_SETTINGS }
const crashing = new URL('../support/crashing-worker.js', import.meta.url).href
const { digest } = await aBlob('a blob that nobody reads')

poolContract('PiscinaPool', await tempDir(), () => new PiscinaPool(options))

describe('PiscinaPool', () => {
  let pool: PiscinaPool
  beforeEach(() => {
    const entries = { fetchBlob: crashing, verifyBlob: crashing }
    pool = new PiscinaPool({ ...options, threads: 1, tasksPerThread: 1, entries })
  })
  afterEach(() => pool.close())
  const run = (path: string): Promise<unknown> => pool.verifyBlob({ kind: 'verify-blob', path, digest })
  const internal = (error: unknown) => isHearthError(error, 'INTERNAL')

  it('hands its settings to every thread', async () => {
    assert.deepEqual(await run('settings'), WORKER_SETTINGS)
  })

  it('fails the task of a thread that died, and does those that were waiting for it', async () => {
    const results = await Promise.allSettled(['exit', 'first', 'exit', 'second'].map(run))
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : internal(result.reason))),
      [true, 'first', true, 'second'],
    )
  })

  it('goes on after a task that threw', async () => {
    await assert.rejects(run('throw'), internal)
    assert.equal(await run('next'), 'next')
  })

  it('goes on after a thread died between tasks', async () => {
    assert.equal(await run('crash later'), 'crash later')
    // Whether this one meets the dying thread or the next, the one after it must not.
    await run('during').catch((error) => assert.ok(internal(error)))
    await assert.rejects(run('exit'), internal)
    assert.equal(await run('after'), 'after')
  })

  it('fails a task whose module is missing', async () => {
    const entries = { fetchBlob: crashing, verifyBlob: new URL('absent.js', crashing).href }
    const broken = new PiscinaPool({ ...options, entries })
    await assert.rejects(broken.verifyBlob({ kind: 'verify-blob', path: 'any', digest }), internal)
    await broken.close()
  })

  it('kills a task that does not stop within the grace when it is closed', async () => {
    const hanging = assert.rejects(run('hang'), (error) => isHearthError(error, 'ABORTED'))
    await pool.close()
    await hanging
  })

  it('does not keep a process alive that forgot to close it', async () => {
    const program = `
      import { PiscinaPool } from ${JSON.stringify(new URL('../../src/pool/piscina-pool.js', import.meta.url).href)}
      const entries = { fetchBlob: ${JSON.stringify(crashing)}, verifyBlob: ${JSON.stringify(crashing)} }
      const pool = new PiscinaPool({ threads: 2, tasksPerThread: 1, settings: {}, entries })
      process.stdout.write(await pool.verifyBlob({ kind: 'verify-blob', path: 'done', digest: '' }))
    `
    const args = ['--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 4000 })
    assert.equal(stdout, 'done')
  })
})
