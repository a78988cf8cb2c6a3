/** An image that is removed while it is exported. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openCache } from '../../src/index.js'
import { aPipe } from '../support/a-pipe.js'
import { anImage } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const NAME = 'example.com/app:1'
/** Far more than what a pipe and the writer of a file hold back. */
const IMAGE = await anImage({ layers: Array.from({ length: 4 }, () => ({ bytes: 2_000_000 })) })

describe('an image that is being exported', () => {
  it('can be removed: its blobs stay until it is written, and go afterwards', async () => {
    const [path, folder, layout] = [await tempDir(), await tempDir(), await tempDir()]
    await writeLayout(layout, [{ name: NAME, image: IMAGE }])
    const [cache, other] = [await openCache({ path, env: {} }), await openCache({ path, env: {} })]
    try {
      assert.ok((await cache.import(layout)).results[0]?.ok)
      await cache.export(NAME, { output: join(folder, 'expected') })
      const pipe = join(folder, 'pipe')
      aPipe(pipe)
      const exporting = cache.export(NAME, { output: pipe })
      const pieces: Buffer[] = []
      for await (const piece of createReadStream(pipe)) {
        if (pieces.push(piece) > 1) continue
        // Nobody reads now, so that most of the blobs are still to be opened.
        const { removed, removedBlobs } = await other.remove([NAME])
        assert.deepEqual([removed.length, removedBlobs], [1, 0])
      }
      await exporting
      assert.ok(Buffer.concat(pieces).equals(await readFile(join(folder, 'expected'))))
      assert.equal((await other.reclaim()).removedBlobs, IMAGE.blobs.size)
      assert.equal((await soundBlobs(path)).size, 0)
    } finally {
      await Promise.all([cache.close(), other.close()])
    }
  })
})
