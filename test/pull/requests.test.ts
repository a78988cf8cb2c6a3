import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { beforeEach, describe, it } from 'node:test'
import { type ErrorCode, type ErrorDetails, HearthError } from '../../src/errors.js'
import { parseReference } from '../../src/oci/reference.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { aMemoryRun, type MemoryRun } from './memory-run.js'

const APP = parseReference('registry.test/app:v1')
const never = new AbortController().signal
setMaxListeners(0, never)

describe('Requests', () => {
  let image: BuiltImage
  let run: MemoryRun
  let answer: () => void | Promise<void>

  beforeEach(async () => {
    image = await anImage({ platforms: ['linux/amd64', 'linux/arm64'] })
    answer = () => undefined
    run = aMemoryRun({ before: () => answer() })
    run.registry.add(APP, image)
  })
  const steps = () => run.registry.requests.map(({ step, digest }) => (digest === undefined ? `${step} tag` : step))
  const failures = (count: number, code: ErrorCode, details: ErrorDetails = {}) => {
    let left = count
    answer = () => {
      left -= 1
      if (left >= 0) throw new HearthError(code, 'failed', details)
    }
  }

  it('asks once for all who want the same at the same time, and says who asked', async () => {
    const manifests = await Promise.all([1, 2, 3].map(() => run.requests.manifest(APP, undefined, never)))
    assert.deepEqual(
      manifests.map(({ received }) => received),
      [image.root.size, 0, 0],
    )
    await Promise.all([1, 2, 3].map(() => run.requests.resolve(APP, never)))
    assert.deepEqual(steps(), ['manifest tag', 'resolve tag'])
  })

  it('asks again later: a tag may have moved', async () => {
    await run.requests.manifest(APP, undefined, never)
    await run.requests.manifest(APP, undefined, never)
    assert.equal(steps().length, 2)
  })

  it('does not take a manifest of one repository for that of another, but shares it between tags', async () => {
    const [tag, other] = [parseReference('registry.test/app:v2'), parseReference('registry.test/other:v1')]
    run.registry.add(other, image)
    const { digest } = image.root
    await Promise.all([APP, tag, other].map((reference) => run.requests.manifest(reference, digest, never)))
    assert.deepEqual(
      run.registry.requests.map(({ repository }) => repository),
      ['app', 'other'],
    )
  })

  it('retries what may pass, and says so', async () => {
    failures(2, 'REGISTRY_UNAVAILABLE')
    assert.equal((await run.requests.resolve(APP, never)).digest, image.root.digest)
    assert.deepEqual(
      run.progress.map((event) => event.type === 'request-retry' && [event.image, event.attempt]),
      [
        ['registry.test/app:v1', 1],
        ['registry.test/app:v1', 2],
      ],
    )
  })

  it('does not retry what cannot pass, and gives up what does not', async () => {
    failures(1, 'DENIED')
    await assert.rejects(run.requests.resolve(APP, never), { code: 'DENIED' })
    failures(9, 'TIMEOUT')
    await assert.rejects(run.requests.resolve(APP, never), { code: 'TIMEOUT' })
    assert.equal(steps().length, 1 + 3)
  })

  it('holds back all that would ask the same registry, as long as a server wants', async () => {
    failures(1, 'TOOMANYREQUESTS', { retryAfterMs: 60_000 })
    const stop = new AbortController()
    const first = run.requests.resolve(APP, stop.signal)
    while (run.progress.length === 0) await turn()
    const second = run.requests.manifest(APP, undefined, stop.signal)
    await turn()
    assert.deepEqual(steps(), ['resolve tag'])
    stop.abort()
    for (const request of [first, second]) await assert.rejects(request, { code: 'ABORTED' })
  })

  it('keeps to the width of the lane, also while some are retried', async () => {
    run = aMemoryRun({ jobs: 2, before: () => answer() })
    let [inside, most] = [0, 0]
    answer = async () => {
      inside += 1
      most = Math.max(most, inside)
      await turn()
      inside -= 1
      if (run.registry.requests.length % 3 === 0) throw new HearthError('CONNECTION_LOST', 'lost')
    }
    const references = Array.from({ length: 12 }, (_, at) => parseReference(`registry.test/app-${at}:v1`))
    for (const reference of references) run.registry.add(reference, image)
    await Promise.allSettled(references.map((reference) => run.requests.manifest(reference, undefined, never)))
    assert.equal(most, 2)
    assert.equal(inside, 0)
  })

  it('ends for one who is stopped, and goes on for the other', async () => {
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    answer = () => gate
    const stop = new AbortController()
    const stopped = run.requests.manifest(APP, undefined, stop.signal)
    const patient = run.requests.manifest(APP, undefined, never)
    await turn()
    stop.abort()
    await assert.rejects(stopped, { code: 'ABORTED' })
    open()
    assert.equal((await patient).bytes.length, image.root.size)
    assert.equal(steps().length, 1)
  })
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
