import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rename, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { FsBlobStore } from '../../src/blobs/fs-blob-store.js'
import { isHearthError } from '../../src/errors.js'
import { removeReferences } from '../../src/inventory/remove.js'
import type { VerifyProgress } from '../../src/inventory/reports.js'
import { verifyCache } from '../../src/inventory/verify.js'
import type { Digest } from '../../src/oci/digest.js'
import { InlinePool } from '../../src/pool/inline-pool.js'
import type { Pool } from '../../src/pool/pool.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { tempDir } from '../support/temp-dir.js'
import { WORKER_SETTINGS } from '../support/worker-settings.js'
import { ACache } from './a-cache.js'

const APP = 'docker.io/library/app:1'

interface OnDisk {
  readonly cache: ACache
  readonly image: BuiltImage
  /** The image's one layer. */
  readonly layer: Digest
  readonly path: string
  verify(options?: Parameters<typeof verifyCache>[1], pool?: Pool): ReturnType<typeof verifyCache>
}

async function onDisk(options: { readonly withoutLog?: boolean } = {}): Promise<OnDisk> {
  const cache = new ACache(new FsBlobStore(await tempDir()))
  const image = await anImage({ seed: 'app' })
  await cache.store(APP, image)
  await cache.materialise()
  const layer = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
  const { log, blobs, indexFile } = cache
  const deps = { blobs, indexFile, jobs: 2, ...(!options.withoutLog && { log }) }
  return {
    ...{ cache, image, layer },
    path: blobs.pathOf(layer),
    verify: (given, pool = new InlinePool(WORKER_SETTINGS)) => verifyCache({ ...deps, pool }, given),
  }
}

function briefly({ problems }: Awaited<ReturnType<typeof verifyCache>>): string[] {
  return problems.map(({ kind, failure }) => `${kind} ${failure.code}`)
}

/** Writes to a committed blob, which is read-only. */
async function overwrite(path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = await readFile(path)
  await chmod(path, 0o600)
  await writeFile(path, change(bytes))
}

describe('verifyCache', () => {
  it('finds nothing wrong with a clean cache, and counts it', async () => {
    const { cache, image, verify } = await onDisk()
    assert.deepEqual(await verify(), {
      blobs: image.blobs.size,
      bytes: [...image.blobs.values()].reduce((sum, { length }) => sum + length, 0),
      references: 1,
      events: cache.log.state.head.position,
      problems: [],
    })
  })

  it('finds nothing wrong after a removal', async () => {
    const { cache, verify } = await onDisk()
    await removeReferences([APP], cache.deps)
    const { blobs, references, problems } = await verify()
    assert.deepEqual([blobs, references, problems], [0, 0, []])
  })

  it('finds a flipped bit, and the image that it breaks', async () => {
    const { path, layer, verify } = await onDisk()
    await overwrite(path, (bytes) => bytes.fill((bytes[0] ?? 0) ^ 1, 0, 1))
    const report = await verify()
    assert.deepEqual(briefly(report), ['blob DIGEST_MISMATCH', 'reference BLOB_UNKNOWN'])
    assert.deepEqual(
      report.problems.map(({ subject }) => subject),
      [layer, APP],
    )
  })

  it('finds a truncated, an emptied and an extended blob', async () => {
    for (const size of [7, 0, 100_000]) {
      const { path, verify } = await onDisk()
      await chmod(path, 0o600)
      await truncate(path, size)
      assert.deepEqual(briefly(await verify()), ['blob SIZE_MISMATCH', 'reference BLOB_UNKNOWN'])
    }
  })

  it('finds a missing blob', async () => {
    const { path, verify } = await onDisk()
    await unlink(path)
    assert.deepEqual(briefly(await verify()), ['blob BLOB_UNKNOWN', 'reference BLOB_UNKNOWN'])
  })

  it('finds a link or a folder in the place of a blob, even if the link leads to the right bytes', async () => {
    for (const replace of [
      async (path: string, bytes: Buffer) => {
        await writeFile(`${path}.elsewhere`, bytes)
        await symlink(`${path}.elsewhere`, path)
      },
      async (path: string) => {
        await mkdir(path)
      },
    ]) {
      const { path, verify } = await onDisk()
      const bytes = await readFile(path)
      await unlink(path)
      await replace(path, bytes)
      const found = briefly(await verify())
      assert.ok(found.includes('blob BLOB_UNKNOWN'))
      assert.ok(found.includes('stray LAYOUT_INVALID'))
      assert.ok(found.includes('reference BLOB_UNKNOWN'))
    }
  })

  it('finds a link in the place of a folder of blobs, even if it leads to them', async () => {
    for (const up of [1, 2]) {
      const { path, verify } = await onDisk()
      const folder = resolve(path, ...Array.from({ length: up }, () => '..'))
      await rename(folder, `${folder}-elsewhere`)
      await symlink(`${folder}-elsewhere`, folder)
      const { problems } = await verify()
      assert.ok(problems.some(({ kind, subject }) => kind === 'stray' && subject === folder))
    }
  })

  it('finds files under blobs/ whose names are no digests', async () => {
    const { path, verify } = await onDisk()
    await writeFile(`${path}123`, 'left by another tool')
    const { problems } = await verify()
    assert.deepEqual(
      problems.map(({ kind, subject }) => [kind, subject]),
      [['stray', `${path}123`]],
    )
  })

  it('hashes blobs that the log does not know', async () => {
    const { cache, verify } = await onDisk()
    const other = await anImage({ seed: 'other' })
    await cache.store('other', other, { adopted: true })
    await cache.materialise()
    assert.deepEqual(briefly(await verify()), [])
    await overwrite(cache.blobs.pathOf(other.root.digest), () => Buffer.from('{}'))
    assert.deepEqual(briefly(await verify()), ['blob DIGEST_MISMATCH', 'reference BLOB_UNKNOWN'])
  })

  it('finds an index.json that another tool edited, emptied, broke or removed', async () => {
    const { cache, verify } = await onDisk()
    const { bytes } = cache.indexFile
    const edits = [
      Buffer.from(
        Buffer.from(bytes ?? assert.fail())
          .toString()
          .replace('"schemaVersion":2', '"schemaVersion": 2'),
      ),
      Buffer.from('{"schemaVersion":2,"manifests":[]}'),
      Buffer.from('{"schemaVersion":2,'),
      undefined,
    ]
    for (const edit of edits) {
      cache.indexFile.bytes = edit
      assert.deepEqual(briefly(await verify()), ['index LAYOUT_INVALID'])
    }
  })

  it('accepts an index.json that is a little behind the log, as while a pull runs', async () => {
    const { cache, verify } = await onDisk()
    await cache.store('docker.io/library/app:2', await anImage({ seed: 'two' }))
    const report = await verify()
    assert.deepEqual([report.references, report.problems], [2, []])
  })

  it('finds an index.json that knows more than the log', async () => {
    const { cache, verify } = await onDisk()
    const ahead = new ACache(cache.blobs)
    await ahead.store(APP, await anImage({ seed: 'app' }))
    await ahead.store('docker.io/library/app:2', await anImage({ seed: 'app' }))
    await ahead.materialise()
    cache.indexFile.bytes = ahead.indexFile.bytes
    assert.deepEqual(briefly(await verify()), ['log LOG_CORRUPT'])
  })

  it('checks a cache that has no log by its index.json', async () => {
    const { path, verify } = await onDisk({ withoutLog: true })
    const sound = await verify()
    assert.deepEqual([sound.references, sound.events, sound.problems], [1, 0, []])
    await unlink(path)
    assert.deepEqual(briefly(await verify()), ['reference BLOB_UNKNOWN'])
  })

  it('does not call it a problem that a removal took blobs and names meanwhile', async () => {
    const { cache, verify } = await onDisk()
    await cache.store('docker.io/library/app:2', await anImage({ seed: 'two' }))
    let removed: Promise<unknown> | undefined
    const onProgress = (): void => {
      removed ??= removeReferences([APP], cache.deps)
    }
    // Two more blobs are enough to be overtaken: the removal runs while the lanes hash.
    const report = await verify({ onProgress })
    await removed
    assert.deepEqual(report.problems, [])
  })

  it('does not call it a problem that a removal took blobs, and a pull brought them back meanwhile', async () => {
    const { cache, image, layer, verify } = await onDisk()
    /** Both happen around the look at the layer, which finds it missing. */
    class Overtaken extends InlinePool {
      #isOver = false
      override async verifyBlob(task: Parameters<InlinePool['verifyBlob']>[0]) {
        if (task.digest !== layer || this.#isOver) return await super.verifyBlob(task)
        this.#isOver = true
        await removeReferences([APP], cache.deps)
        try {
          return await super.verifyBlob(task)
        } finally {
          await cache.store(APP, image)
        }
      }
    }
    const { problems } = await verify({}, new Overtaken(WORKER_SETTINGS))
    assert.deepEqual(problems, [])
  })

  it('hashes a damaged blob once', async () => {
    const { path, layer, verify } = await onDisk()
    await overwrite(path, (bytes) => bytes.fill((bytes[0] ?? 0) ^ 1, 0, 1))
    const hashed: Digest[] = []
    class Counting extends InlinePool {
      override verifyBlob(task: Parameters<InlinePool['verifyBlob']>[0]) {
        hashed.push(task.digest)
        return super.verifyBlob(task)
      }
    }
    assert.equal((await verify({}, new Counting(WORKER_SETTINGS))).problems.length, 2)
    assert.deepEqual(
      hashed.filter((digest) => digest === layer),
      [layer],
    )
  })

  it('reports progress that only grows, up to everything', async () => {
    const { image, verify } = await onDisk()
    const seen: VerifyProgress[] = []
    const { bytes } = await verify({ onProgress: (event) => seen.push(event) })
    const done = seen.map((event) => event.bytes)
    assert.deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    )
    const totals = { blobs: image.blobs.size, totalBlobs: image.blobs.size, bytes, totalBytes: bytes }
    assert.deepEqual(seen.at(-1), { type: 'verify-progress', ...totals })
  })

  it('stops with ABORTED', async () => {
    const { verify } = await onDisk()
    const controller = new AbortController()
    const aborted = (error: unknown): boolean => isHearthError(error, 'ABORTED')
    await assert.rejects(verify({ signal: AbortSignal.abort() }), aborted)
    await assert.rejects(verify({ signal: controller.signal, onProgress: () => controller.abort() }), aborted)
  })

  it('changes nothing', async () => {
    const { cache, path, verify } = await onDisk()
    await unlink(path)
    const before = [cache.log.state.head, cache.indexFile.bytes, await cache.stored()]
    await verify()
    assert.deepEqual([cache.log.state.head, cache.indexFile.bytes, await cache.stored()], before)
  })
})
