import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ErrorCode, Failure } from '../../src/errors.js'
import type { Digest } from '../../src/oci/digest.js'
import type { PulledImage, PullResult } from '../../src/pull/report.js'
import { aPull, type TestPull, type TestPullOptions } from './a-pull.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from './raw-registry.js'

export interface PullParts {
  readonly registry: RawRegistry
  readonly cache: TestPull
  /** The cache's folder. */
  readonly root: string
}

export interface WithPullOptions extends TestPullOptions {
  readonly registry?: RawRegistryOptions
}

/** A registry and a cache for one test alone, so that many can run at once. Both end with `use`, however that ends. */
export async function withPull(
  { registry: served = {}, ...options }: WithPullOptions,
  use: (parts: PullParts) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'hearth-test-'))
  const registry = await startRawRegistry(served)
  const cache = aPull(root, options)
  try {
    await use({ registry, cache, root })
  } finally {
    await registry.close()
    await cache.close()
    await rm(root, { recursive: true, force: true })
  }
}

/** Pulls one image, which must succeed. */
export async function pulled(cache: TestPull, name: string): Promise<PulledImage> {
  const [result] = (await cache.pull([name])).results
  if (!result?.ok) assert.fail(JSON.stringify(result))
  return result
}

/** Pulls one image, which must fail with this code. */
export async function refused(cache: TestPull, name: string, code: ErrorCode): Promise<Failure> {
  const [result] = (await cache.pull([name])).results
  return failureOf(result, code)
}

export function failureOf(result: PullResult | undefined, code: ErrorCode): Failure {
  if (result === undefined || result.ok) assert.fail(`succeeded instead of ${code}`)
  assert.equal(result.failure.code, code, result.failure.message)
  return result.failure
}

/** The blobs of a cache, each of which was hashed and is what its name says. */
export async function soundBlobs({ blobs }: TestPull): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>()
  for await (const { digest, path, size } of blobs.list()) {
    if (digest === undefined) assert.fail(`a stray: ${path}`)
    await blobs.read(digest, { maxBytes: size })
    found.add(digest)
  }
  return found
}
