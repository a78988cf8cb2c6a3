import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ErrorCode, Failure } from '../../src/errors.js'
import {
  type Cache,
  type CacheOptions,
  openCache,
  type PushedImage,
  type PushOptions,
  type PushProgress,
} from '../../src/index.js'
import type { Digest } from '../../src/oci/digest.js'
import { blobPath } from '../../src/oci/image-layout.js'
import { anImage, type BuiltImage, type ImageSpec } from './an-image.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from './raw-registry.js'
import { type LayoutEntry, writeLayout } from './write-layout.js'

export interface PushParts {
  readonly registry: RawRegistry
  readonly image: BuiltImage
  readonly cache: Cache
  /** The image's name in the cache and in the registry. */
  readonly name: string
  readonly progress: readonly PushProgress[]
  /** Pushes it, which must work. */
  push(options?: PushOptions): Promise<PushedImage>
  /** Pushes it, which must fail with this code. */
  refused(code: ErrorCode, options?: PushOptions): Promise<Failure>
  /** Puts other bytes in a blob's place. */
  damage(digest: Digest, change: (bytes: Buffer) => Uint8Array): Promise<void>
}

export interface WithPushOptions {
  readonly image?: ImageSpec
  /** Of the image. Default: all. */
  readonly platforms?: readonly string[]
  readonly registry?: RawRegistryOptions
  readonly cache?: CacheOptions
  /** What else is in the cache. */
  readonly others?: (host: string) => Promise<readonly LayoutEntry[]>
}

const built = new Map<string, Promise<BuiltImage>>()

/** Many tests push the same large layer. */
function builtOnce(spec: ImageSpec): Promise<BuiltImage> {
  const key = JSON.stringify(spec)
  const image = built.get(key) ?? anImage(spec)
  built.set(key, image)
  return image
}

/** A registry that holds nothing, and a cache with one image for it, as another tool would have written it. */
export async function withPush(options: WithPushOptions, use: (parts: PushParts) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'hearth-test-'))
  const registry = await startRawRegistry({ uploads: {}, ...options.registry })
  const image = await builtOnce(options.image ?? {})
  const name = `${registry.host}/team/app:1.0`
  const others = (await options.others?.(registry.host)) ?? []
  await writeLayout(path, [{ name, image, ...(options.platforms && { platforms: options.platforms }) }, ...others])
  const cache = await openCache({
    path,
    env: {},
    headersTimeoutMs: 1000,
    retry: { minDelayMs: 1, maxDelayMs: 5 },
    ...options.cache,
  })
  const progress: PushProgress[] = []
  const onProgress = (event: PushProgress) => void progress.push(event)
  const result = async (pushOptions: PushOptions = {}) => {
    const [first, ...more] = (await cache.push(name, { onProgress, ...pushOptions })).results
    assert.equal(more.length, 0)
    return first ?? assert.fail('no result')
  }
  try {
    await use({
      registry,
      image,
      cache,
      name,
      progress,
      push: async (pushOptions) => {
        const pushed = await result(pushOptions)
        return pushed.ok ? pushed : assert.fail(JSON.stringify(pushed.failure))
      },
      refused: async (code, pushOptions) => {
        const pushed = await result(pushOptions)
        if (pushed.ok) assert.fail(`pushed instead of ${code}`)
        assert.equal(pushed.failure.code, code, pushed.failure.message)
        return pushed.failure
      },
      damage: async (digest, change) => {
        const bytes = Buffer.from(image.blobs.get(digest) ?? assert.fail())
        await writeFile(join(path, blobPath(digest)), change(bytes))
      },
    })
  } finally {
    await cache.close()
    await registry.close()
    await rm(path, { recursive: true, force: true })
  }
}

/** The repository has all of the image, and the tag stands for it. */
export function assertPushed({ registry, image }: PushParts, repository = 'team/app', tag = '1.0'): void {
  const held = registry.repository(repository)
  assert.equal(held.tagged(tag), image.root.digest)
  const missing = [...image.blobs.keys()].filter((digest) => !held.held().has(digest))
  assert.deepEqual(missing, [])
}
