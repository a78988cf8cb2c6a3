/** Takes the claim of a digest in a cache, says so, and keeps it until it is killed or told to let go. */
import { FsClaims } from '../../src/blobs/fs-claim.js'
import { parseDigest } from '../../src/oci/digest.js'

const [root = '', digest] = process.argv.slice(2)
const claim = await new FsClaims(root).claim(parseDigest(digest))
process.on('message', () => {
  void claim.release().then(() => process.disconnect())
})
process.send?.('claimed')
