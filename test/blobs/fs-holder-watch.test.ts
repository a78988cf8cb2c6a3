import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HolderWatch } from '../../src/blobs/fs-holder-watch.js'
import { FsIngest } from '../../src/blobs/fs-ingest.js'
import { FLAT_BYTES } from '../../src/blobs/fs-ingest-data.js'
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

  for (const [kind, size] of [
    ['small', FLAT_BYTES],
    ['larger', FLAT_BYTES + 1],
  ] as const) {
    it(`begins anew with each byte of a ${kind} blob, and with each holder`, async () => {
      const root = await newRoot()
      const place = join(root, INGEST_FOLDER, digestFileName(digest))
      await mkdir(dirname(place), { recursive: true })
      const ingest = FsIngest.open(place, { digest, size, boot: 'one' })
      const watch = new HolderWatch(root, digest, { stoppedMs: 0, stalledMs: 0 })
      await watch.look({ pid: 1 })
      ingest.write(0, Buffer.from('more'))
      await watch.look({ pid: 1 })
      await watch.look({ pid: 2 })
      await assert.rejects(watch.look({ pid: 2 }), (error) => isHearthError(error, 'STORE_BUSY'))
      await ingest.close()
    })
  }
})
