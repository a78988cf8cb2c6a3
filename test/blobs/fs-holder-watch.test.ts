import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HolderWatch } from '../../src/blobs/fs-holder-watch.js'
import { ingestDataPath } from '../../src/blobs/fs-ingest-data.js'
import { isHearthError } from '../../src/errors.js'
import { digestFileName, INGEST_FOLDER } from '../../src/oci/image-layout.js'
import { aDigest } from '../support/a-log.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const scratch = await tempDir()
const digest = aDigest('wanted')
const PATIENT = 60_000

/** Looks again and again until it gives up. */
async function givesUp(watch: HolderWatch, holder: { readonly pid?: number }): Promise<unknown> {
  let failure: unknown
  await until(async () => {
    failure = await watch.look(holder).then(
      () => undefined,
      (error: unknown) => error,
    )
    return failure !== undefined
  })
  return failure
}

describe('HolderWatch', () => {
  const stopped = spawn('sleep', ['600'], { stdio: 'ignore' })
  after(() => stopped.kill('SIGKILL'))
  const newRoot = () => mkdtemp(join(scratch, 'test-'))

  it('gives up on a stopped process, and names it', async () => {
    stopped.kill('SIGSTOP')
    const watch = new HolderWatch(await newRoot(), digest, { stoppedMs: 20, stalledMs: PATIENT })
    const failure = await givesUp(watch, { pid: stopped.pid ?? assert.fail() })
    assert.ok(isHearthError(failure, 'STORE_BUSY'))
    assert.deepEqual(failure.details, { digest, timeoutMs: 20, pid: stopped.pid })
  })

  it('gives up on one that gets nowhere, whoever it is', async () => {
    const watch = new HolderWatch(await newRoot(), digest, { stoppedMs: 1, stalledMs: 20 })
    assert.ok(isHearthError(await givesUp(watch, {}), 'STORE_BUSY'))
  })

  it('goes on waiting for one that runs', async () => {
    const watch = new HolderWatch(await newRoot(), digest, { stoppedMs: 1, stalledMs: PATIENT })
    for (let look = 0; look < 5; look++) {
      await watch.look({ pid: process.pid })
      await sleep(2)
    }
  })

  it('begins anew with each byte, and with each holder', async () => {
    const root = await newRoot()
    const folder = join(root, INGEST_FOLDER, digestFileName(digest))
    await mkdir(folder, { recursive: true })
    await writeFile(ingestDataPath(folder), '')
    const watch = new HolderWatch(root, digest, { stoppedMs: 0, stalledMs: 0 })
    await watch.look({ pid: 1 })
    await appendFile(ingestDataPath(folder), 'more')
    await watch.look({ pid: 1 })
    await watch.look({ pid: 2 })
    await assert.rejects(watch.look({ pid: 2 }), (error) => isHearthError(error, 'STORE_BUSY'))
  })
})
