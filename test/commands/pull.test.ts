import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderPull } from '../../src/commands/pull.js'
import { ERRORS, type Failure, type PulledImage, type PullResult } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'

const digest = await digestBytes(Buffer.from('root'))
const timeout: Failure = { code: 'TIMEOUT', message: 'no answer', details: { host: 'h.example.com', step: 'resolve' } }
const unknown: Failure = { code: 'MANIFEST_UNKNOWN', message: 'no such tag', details: {} }

const aPulledImage = (changes: Partial<PulledImage> = {}): PulledImage => ({
  ok: true,
  requested: 'alpine',
  reference: 'docker.io/library/alpine:latest',
  digest,
  platforms: ['linux/amd64'],
  size: 3_500_000,
  fetchedBytes: 3_500_000,
  fetchedBlobs: 3,
  changed: true,
  ...changes,
})
const aFailure = (failure: Failure, requested = 'nope'): PullResult => ({
  ok: false,
  requested,
  reference: `docker.io/library/${requested}:latest`,
  failure,
})
const render = (...results: PullResult[]) => renderPull({ results })

describe('the result of pull', () => {
  it('is a line for each image: reference, digest, platforms, size and what was done', () => {
    const redis = { reference: 'docker.io/library/redis:7', platforms: ['linux/amd64', 'linux/arm64/v8'], size: 512 }
    const { lines, problems, exitCode } = render(
      aPulledImage(),
      aPulledImage({ ...redis, changed: false, fetchedBlobs: 0, fetchedBytes: 0 }),
    )
    assert.deepEqual(lines, [
      `docker.io/library/alpine:latest  ${digest}  linux/amd64                 3.3 MiB  pulled`,
      `docker.io/library/redis:7        ${digest}  linux/amd64,linux/arm64/v8    512 B  up to date`,
    ])
    assert.deepEqual(problems, [])
    assert.equal(exitCode, 0)
  })

  it('calls an image pulled when only blobs of another platform came', () => {
    assert.match(render(aPulledImage({ changed: false, fetchedBlobs: 1 })).lines[0] ?? '', / pulled$/)
  })

  it('says that an image could not be checked, which is no failure', () => {
    const { lines, problems, exitCode } = render(aPulledImage({ changed: false, fetchedBlobs: 0, unchecked: timeout }))
    assert.match(lines[0] ?? '', / not checked$/)
    assert.deepEqual(problems, [
      'hearth: TIMEOUT: docker.io/library/alpine:latest: no answer (host h.example.com, step resolve); what the cache has stands',
    ])
    assert.equal(exitCode, 0)
  })

  it('names each image that failed on standard error, and keeps the others', () => {
    const { lines, problems, exitCode } = render(aFailure(timeout), aPulledImage())
    assert.equal(lines.length, 1)
    assert.deepEqual(problems, [
      'hearth: TIMEOUT: docker.io/library/nope:latest: no answer (host h.example.com, step resolve)',
    ])
    assert.equal(exitCode, ERRORS.TIMEOUT.exitCode)
  })

  it('names what was typed when it could not be parsed', () => {
    const failure: Failure = { code: 'REFERENCE_INVALID', message: 'not a reference', details: {} }
    const { problems, exitCode } = render({ ok: false, requested: 'A\u001b[2J', failure })
    assert.deepEqual(problems, ['hearth: REFERENCE_INVALID: A\\u001b[2J: not a reference'])
    assert.equal(exitCode, ERRORS.REFERENCE_INVALID.exitCode)
  })

  it('fails as PARTIAL when images failed in different ways', () => {
    assert.equal(render(aFailure(timeout), aFailure(unknown, 'other')).exitCode, ERRORS.PARTIAL.exitCode)
  })

  it('is the report of the library as a document', () => {
    const results = [aPulledImage(), aFailure(timeout)]
    assert.deepEqual(renderPull({ results }).document, { results })
  })

  it('shows - for an artifact without platforms', () => {
    assert.match(render(aPulledImage({ platforms: [] })).lines[0] ?? '', / {2}- {2}3\.3 MiB {2}pulled$/)
  })
})
