/** The command stopped in the middle of a layer, and run again. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Digest } from '../../src/oci/digest.js'
import { DEFAULTS } from '../../src/options.js'
import { anImage, type BuiltImage, digestsOf } from '../support/an-image.js'
import { ingestedBytes, soundBlobs } from '../support/cache-folder.js'
import { hearth, hearthOk, type RunningHearth, startHearth } from '../support/hearth.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { hangAfter } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const MIB = 1024 * 1024
const LAYER_BYTES = 24 * MIB
const SENT_BYTES = 20 * MIB
/** What the last checkpoint before the silence must cover. */
const KEPT_BYTES = SENT_BYTES - DEFAULTS.checkpointEveryBytes

describe('hearth pull, stopped in the middle of a layer', () => {
  let registry: RawRegistry
  let image: BuiltImage
  let layer: Digest
  let cache: string
  let argv: readonly string[]

  beforeEach(async () => {
    registry = await startRawRegistry()
    image = await anImage({ layers: [{ bytes: LAYER_BYTES }, {}] })
    layer = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    cache = await tempDir()
    argv = ['pull', registry.add(image, 'library/app', '1.0'), '--platform', 'linux/amd64', '--cache', cache]
    registry.script({ kind: 'blob', digest: layer }, hangAfter(SENT_BYTES))
  })
  afterEach(() => registry.close())

  /** Runs until what the registry sent of the layer is in the cache, where it then waits for more. */
  async function stuck(): Promise<RunningHearth> {
    const running = startHearth(argv)
    await until(async () => (await ingestedBytes(cache, layer)) === SENT_BYTES)
    return running
  }

  async function assertContinues(): Promise<void> {
    await hearthOk(argv)
    const requests = registry.requestsFor({ kind: 'blob', digest: layer })
    assert.equal(requests.length, 2)
    const from = Number(/^bytes=(\d+)-/.exec(requests[1]?.headers.range ?? '')?.[1])
    assert.ok(from >= KEPT_BYTES && from <= SENT_BYTES, `the second run asked from ${from}`)
    assert.deepEqual(await soundBlobs(cache), digestsOf(image))
    assert.match(await hearthOk(['verify', '--cache', cache]), /no problems/)
    assert.equal(await ingestedBytes(cache, layer), undefined)
  }

  it('goes on from there in the next run after kill -9', async () => {
    const { child, ended } = await stuck()
    child.kill('SIGKILL')
    assert.equal((await ended).exitCode, null)
    assert.equal((await hearthOk(['ls', '--cache', cache])).split('\n').length, 2, 'no reference yet')
    await assertContinues()
  })

  it('ends within two seconds after Ctrl-C with exit code 130, and goes on from there in the next run', async () => {
    const { child, ended } = await stuck()
    const stopped = performance.now()
    child.kill('SIGINT')
    const { exitCode, stdout, stderr } = await ended
    assert.deepEqual([exitCode, stdout], [130, ''])
    assert.ok(performance.now() - stopped < 2000)
    assert.match(stderr, /kept for the next time/)
    await assertContinues()
  })

  it('goes on after several kills, each time from where the last one came to', async () => {
    await (await killed()).ended
    registry.script({ kind: 'blob', digest: layer }, hangAfter(0), hangAfter(0))
    for (let times = 0; times < 2; times++) {
      const asked = registry.nextRequest({ kind: 'blob', digest: layer })
      const { child, ended } = startHearth(argv)
      assert.ok(Number(/\d+/.exec((await asked).headers.range ?? '')?.[0]) >= KEPT_BYTES)
      child.kill('SIGKILL')
      await ended
    }
    assert.equal((await hearth(argv)).exitCode, 0)
    assert.deepEqual(await soundBlobs(cache), digestsOf(image))
  })

  async function killed(): Promise<RunningHearth> {
    const running = await stuck()
    running.child.kill('SIGKILL')
    return running
  }
})
