/** Leases a digest in a cache, says so, and lives until it is killed. */
import { FsLeases } from '../../src/blobs/fs-lease.js'
import { parseDigest } from '../../src/oci/digest.js'

const [root = '', digest] = process.argv.slice(2)
await new FsLeases(root).lease([parseDigest(digest)])
process.on('message', () => {})
process.send?.('leased')
