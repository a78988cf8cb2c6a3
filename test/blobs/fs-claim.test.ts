import assert from 'node:assert/strict'
import { mkdtemp, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { FsClaims } from '../../src/blobs/fs-claim.js'
import { isHearthError } from '../../src/errors.js'
import { CLAIMS_FILE, HEARTH_FOLDER } from '../../src/oci/image-layout.js'
import { claimsContract } from '../contract/claims.contract.js'
import { aBlob } from '../support/a-blob.js'
import { forked, kill } from '../support/forked.js'
import { tempDir } from '../support/temp-dir.js'

// One for the file: a hook's own folder would be gone when the hook ends.
const scratch = await tempDir()
const newFolder = () => mkdtemp(join(scratch, 'test-'))

claimsContract('FsClaims', async () => new FsClaims(await newFolder()))

describe('FsClaims', () => {
  let root: string
  beforeEach(async () => {
    root = await newFolder()
  })

  it('keeps its file private', async () => {
    const { digest } = await aBlob('wanted')
    await (await new FsClaims(root).claim(digest)).release()
    assert.equal((await stat(join(root, CLAIMS_FILE))).mode & 0o777, 0o600)
    assert.equal((await stat(join(root, HEARTH_FOLDER))).mode & 0o777, 0o700)
  })

  it('tries once, and says that someone has it', async () => {
    const { digest } = await aBlob('wanted')
    const [one, two] = [new FsClaims(root), new FsClaims(root)]
    const claim = await one.tryClaim(digest)
    assert.equal(claim?.waited, false)
    assert.equal(await two.tryClaim(digest), undefined)
    await claim?.release()
    const next = await two.tryClaim(digest)
    assert.equal(next?.waited, false)
    await next.release()
  })

  it('excludes two instances in one process too', async () => {
    const { digest } = await aBlob('wanted')
    const claim = await new FsClaims(root).claim(digest)
    const controller = new AbortController()
    const second = new FsClaims(root).claim(digest, { signal: controller.signal, onWait: () => controller.abort() })
    await assert.rejects(second, (error) => isHearthError(error, 'ABORTED'))
    await claim.release()
  })

  it('waits for another process until that one lets go', async () => {
    const { digest } = await aBlob('wanted')
    const child = await forked('claim-process.js', [root, digest])
    let holder: number | undefined
    const claim = await new FsClaims(root).claim(digest, {
      onWait: ({ pid }) => {
        holder = pid
        child.send('let go')
      },
    })
    assert.deepEqual([claim.waited, holder], [true, child.pid])
    await claim.release()
  })

  it('is freed when its process is killed', async () => {
    const { digest } = await aBlob('wanted')
    const child = await forked('claim-process.js', [root, digest])
    const claim = await new FsClaims(root).claim(digest, { onWait: () => void kill(child) })
    assert.equal(claim.waited, true)
    await claim.release()
  })
})
