import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Claims } from '../../src/blobs/blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { aBlob } from '../support/a-blob.js'

const { digest } = await aBlob('wanted by everyone')
const other = await aBlob('wanted by nobody else')

/** What every Claims adapter promises. */
export function claimsContract(name: string, open: () => Promise<Claims>): void {
  describe(`${name} keeps the Claims contract`, () => {
    let claims: Claims
    beforeEach(async () => {
      claims = await open()
    })

    it('gives a free claim at once', async () => {
      const claim = await claims.claim(digest, { onWait: () => assert.fail('nobody else has it') })
      assert.equal(claim.waited, false)
      await claim.release()
    })

    it('lets the next one in after a release, who then knows that it had waited', async () => {
      const first = await claims.claim(digest)
      let waits = 0
      const waiting = new Promise<void>((resolve) => {
        const second = claims.claim(digest, {
          onWait: ({ pid }) => {
            assert.ok(pid === undefined || pid === process.pid)
            waits += 1
            resolve()
          },
        })
        second.then((claim) => claim.release())
      })
      await waiting
      await first.release()
      const third = await claims.claim(digest)
      await third.release()
      assert.equal(waits, 1)
    })

    it('keeps claims of different digests apart', async () => {
      const first = await claims.claim(digest)
      const second = await claims.claim(other.digest)
      assert.equal(second.waited, false)
      await Promise.all([first.release(), second.release()])
    })

    it('has one holder at a time, whatever the crowd', async () => {
      let inside = 0
      const visit = async () => {
        const claim = await claims.claim(digest)
        inside += 1
        assert.equal(inside, 1)
        await new Promise(setImmediate)
        inside -= 1
        await claim.release()
      }
      await Promise.all(Array.from({ length: 8 }, visit))
    })

    it('may be released twice, without freeing the next holder', async () => {
      const first = await claims.claim(digest)
      await first.release()
      const second = await claims.claim(digest)
      await first.release()
      const controller = new AbortController()
      const third = claims.claim(digest, { signal: controller.signal, onWait: () => controller.abort() })
      await assert.rejects(third, (error) => isHearthError(error, 'ABORTED'))
      await second.release()
    })

    it('stops waiting on a signal', async () => {
      const first = await claims.claim(digest)
      const controller = new AbortController()
      const second = claims.claim(digest, {
        signal: controller.signal,
        onWait: () => setImmediate(() => controller.abort()),
      })
      await assert.rejects(second, (error) => isHearthError(error, 'ABORTED'))
      await first.release()
    })

    it('does not begin under a signal that has gone off', async () => {
      const begun = claims.claim(digest, { signal: AbortSignal.abort() })
      await assert.rejects(begun, (error) => isHearthError(error, 'ABORTED'))
      const claim = await claims.claim(digest)
      assert.equal(claim.waited, false)
      await claim.release()
    })
  })
}
