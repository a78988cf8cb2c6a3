import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Leases } from '../../src/blobs/blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { aBlob } from '../support/a-blob.js'

const [one, two, three] = [await aBlob('one'), await aBlob('two'), await aBlob('three')]

/** What every Leases adapter promises. */
export function leasesContract(name: string, open: () => Promise<Leases>): void {
  describe(`${name} keeps the Leases contract`, () => {
    let leases: Leases
    beforeEach(async () => {
      leases = await open()
    })

    it('has none at first', async () => {
      assert.deepEqual(await leases.leased(), new Set())
    })

    it('adds up what is leased', async () => {
      await leases.lease([one.digest, two.digest])
      await leases.lease([two.digest, three.digest])
      await leases.lease([])
      assert.deepEqual(await leases.leased(), new Set([one.digest, two.digest, three.digest]))
      await leases.release()
    })

    it('loses nothing of calls at the same time', async () => {
      await Promise.all([one, two, three].map(({ digest }) => leases.lease([digest])))
      assert.deepEqual(await leases.leased(), new Set([one.digest, two.digest, three.digest]))
      await leases.release()
    })

    it('ends with its release, which may come twice, and for good', async () => {
      await leases.lease([one.digest])
      await leases.release()
      await leases.release()
      assert.deepEqual(await leases.leased(), new Set())
      await assert.rejects(leases.lease([two.digest]), (error) => isHearthError(error, 'ABORTED'))
      assert.deepEqual(await leases.leased(), new Set())
    })
  })
}
