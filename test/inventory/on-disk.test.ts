import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { listReferences } from '../../src/inventory/list.js'
import { clean, removeReferences } from '../../src/inventory/remove.js'
import { verifyCache } from '../../src/inventory/verify.js'
import type { Digest } from '../../src/oci/digest.js'
import { InlinePool } from '../../src/pool/inline-pool.js'
import type { BuiltImage } from '../support/an-image.js'
import { forked, kill } from '../support/forked.js'
import { openParts } from '../support/open-parts.js'
import { tempDir } from '../support/temp-dir.js'
import { WORKER_SETTINGS } from '../support/worker-settings.js'
import { writeLayout } from '../support/write-layout.js'
import { APP, digestsIn, twoImages, WEB } from './a-cache.js'

type Parts = Awaited<ReturnType<typeof openParts>>

/** A cache on disk with two images that share a layer: adopted from a layout, then recorded blob by blob. */
async function twoOnDisk(): Promise<{ root: string; app: BuiltImage; web: BuiltImage }> {
  const root = await tempDir()
  const [app, web] = await twoImages()
  await writeLayout(root, [
    { name: APP, image: app },
    { name: WEB, image: web },
  ])
  await withParts(root, async ({ log, deps }) => {
    await log.hold(async (held) => {
      await deps.materialise(held)
      for (const digest of digestsIn(app, web)) {
        const stat = (await deps.blobs.stat(digest)) ?? assert.fail()
        await held.append([{ type: 'BlobCommitted', digest, ...stat, durable: true, boot: 'boot' }])
      }
    })
  })
  return { root, app, web }
}

async function withParts<T>(root: string, work: (parts: Parts) => Promise<T>): Promise<T> {
  const parts = await openParts(root)
  try {
    return await work(parts)
  } finally {
    await parts.log.close()
  }
}

/** What is there, and what verify says of it. */
async function lookAt(root: string): Promise<{ names: string[]; stored: Digest[]; problems: readonly object[] }> {
  return withParts(root, async ({ log, indexFile, deps: { blobs } }) => {
    const pool = new InlinePool(WORKER_SETTINGS)
    const { problems } = await verifyCache({ log, blobs, indexFile, pool, jobs: 2 })
    const stored: Digest[] = []
    for await (const { digest } of blobs.list()) if (digest !== undefined) stored.push(digest)
    const names = (await listReferences(indexFile)).map(({ reference }) => reference)
    return { names, stored: stored.sort(), problems }
  })
}

describe('a cache on disk', () => {
  it('keeps the shared layer when one of two adopted images is removed, and passes verify', async () => {
    const { root, web } = await twoOnDisk()
    await withParts(root, ({ deps }) => removeReferences(['app:1'], deps))
    assert.deepEqual(await lookAt(root), { names: [WEB], stored: digestsIn(web), problems: [] })
  })

  it('is empty after clean, and passes verify', async () => {
    const { root } = await twoOnDisk()
    await withParts(root, ({ deps }) => clean(deps))
    assert.deepEqual(await lookAt(root), { names: [], stored: [], problems: [] })
  })

  it('keeps what another process has leased, until that process is killed', async () => {
    const { root, app, web } = await twoOnDisk()
    const pull = await forked('./lease-process.js', [root, app.root.digest])
    await withParts(root, ({ deps }) => removeReferences([APP], deps))
    assert.deepEqual((await lookAt(root)).stored, [...digestsIn(web), app.root.digest].sort())
    await kill(pull)
    await withParts(root, ({ deps }) => removeReferences([WEB], deps))
    assert.deepEqual((await lookAt(root)).stored, [])
  })
})

describe('a removal killed', () => {
  const moments = [
    'before the plan',
    'before index.json',
    'before the first blob',
    'after the first blob',
    'before the plan is finished',
  ]
  for (const moment of moments) {
    it(`${moment} breaks no image, and is completed by the next one`, async () => {
      const { root, web } = await twoOnDisk()
      const child = fork(new URL('../support/removal-process.js', import.meta.url), [root, APP, moment])
      assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL'])
      assert.deepEqual((await lookAt(root)).problems, [])
      await withParts(root, ({ deps }) => removeReferences([APP], deps))
      assert.deepEqual(await lookAt(root), { names: [WEB], stored: digestsIn(web), problems: [] })
    })
  }
})
