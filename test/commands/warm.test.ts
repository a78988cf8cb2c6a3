import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderPlan, renderWarm } from '../../src/commands/warm.js'
import {
  ERRORS,
  type ErrorCode,
  type PlannedImage,
  type PullResult,
  type WarmPlan,
  type WarmReport,
} from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('root'))
const MIB = 1024 * 1024
const pulled: PullResult = {
  ...{
    ok: true,
    requested: 'a',
    reference: 'docker.io/library/a:1',
    digest,
    platforms: ['linux/amd64'],
    size: 2 * MIB,
  },
  ...{ fetchedBytes: 2 * MIB, fetchedBlobs: 3, changed: true },
}
const failed = (code: ErrorCode, name = 'b'): PullResult & { readonly ok: false } => ({
  ...{ ok: false, requested: name, reference: `docker.io/library/${name}:1` },
  failure: { code, message: 'why', details: {} },
})
const report = (...results: PullResult[]): WarmReport => ({
  results,
  totals: {
    ...{ images: 3, pulled: 1, upToDate: 1, failed: 1 },
    ...{ fetchedBlobs: 3, fetchedBytes: 2 * MIB, elapsedMs: 12_345 },
  },
})

describe('the result of warm', () => {
  it('is a line for each image, and one that sums it up', () => {
    const { lines, problems, document } = renderWarm(report(pulled, failed('MANIFEST_UNKNOWN')))
    assert.deepEqual(lines, [
      `docker.io/library/a:1  ${digest}  linux/amd64  2.0 MiB  pulled`,
      '3 images: 1 pulled, 1 up to date, 1 failed, 2.0 MiB in 3 blobs fetched, 12 s',
    ])
    assert.deepEqual(problems, ['hearth: MANIFEST_UNKNOWN: docker.io/library/b:1: why'])
    assert.deepEqual(document, report(pulled, failed('MANIFEST_UNKNOWN')))
  })

  it('has the exit code of what failed, not of what was stopped because of it', () => {
    const exitCode = (...codes: ErrorCode[]) =>
      renderWarm(report(pulled, ...codes.map((code) => failed(code)))).exitCode
    assert.equal(exitCode(), 0)
    assert.equal(exitCode('ABORTED', 'NAME_UNKNOWN', 'ABORTED'), ERRORS.NAME_UNKNOWN.exitCode)
    assert.equal(exitCode('NAME_UNKNOWN', 'TIMEOUT'), ERRORS.PARTIAL.exitCode)
    assert.equal(exitCode('ABORTED'), ERRORS.ABORTED.exitCode)
  })

  it('names a tag list that failed as the user wrote it', () => {
    const { reference: _, ...query } = failed('NAME_UNKNOWN', 'quay.io/x (every tag)')
    assert.deepEqual(renderWarm(report(query)).problems, ['hearth: NAME_UNKNOWN: quay.io/x (every tag): why'])
  })
})

describe('the plan of a warm', () => {
  const image: PlannedImage = {
    ...{ ok: true, reference: 'docker.io/library/a:1', digest, platforms: ['linux/amd64'], size: 7 * MIB },
    ...{ fetchBlobs: 3, fetchBytes: 4 * MIB, sharedBytes: 2 * MIB, presentBytes: MIB },
  }
  const plan = (...images: WarmPlan['images']): WarmPlan => ({
    images,
    built: [],
    totals: {
      ...{ images: images.length, failed: 0, fetchBlobs: 3 },
      ...{ fetchBytes: 4 * MIB, sharedBytes: 2 * MIB, presentBytes: MIB },
    },
  })

  it('names what is left because it is built', () => {
    const { lines } = renderPlan({ ...plan(image), built: ['docker.io/library/web:1'] })
    assert.equal(lines.at(-1), 'left, as a Compose file builds it: docker.io/library/web:1')
  })

  it('is a table of what each image would fetch, and a sum', () => {
    const plain = { ...image, reference: 'docker.io/library/plain:1', platforms: [], fetchBytes: 0 }
    const { lines, exitCode } = renderPlan(plan(image, plain))
    assert.deepEqual(lines, [
      `REFERENCE                  DIGEST${' '.repeat(digest.length - 6)}  PLATFORMS      FETCH   SHARED  PRESENT`,
      `docker.io/library/a:1      ${digest}  linux/amd64  4.0 MiB  2.0 MiB  1.0 MiB`,
      `docker.io/library/plain:1  ${digest}  -                0 B  2.0 MiB  1.0 MiB`,
      '2 images: 4.0 MiB in 3 blobs to fetch, 2.0 MiB saved by sharing, 1.0 MiB present',
    ])
    assert.equal(exitCode, 0)
  })

  it('says what would fail', () => {
    const { problems, exitCode } = renderPlan(plan(image, failed('NAME_UNKNOWN')))
    assert.deepEqual(problems, ['hearth: NAME_UNKNOWN: docker.io/library/b:1: why'])
    assert.equal(exitCode, ERRORS.NAME_UNKNOWN.exitCode)
  })
})
