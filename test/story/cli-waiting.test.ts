/** Commands that have to wait for another process, which is stopped or dies. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import { tryLock } from '../../src/lock/fs-lock.js'
import type { Digest } from '../../src/oci/digest.js'
import { LINUXKIT_LOCK } from '../../src/oci/image-layout.js'
import { DEFAULTS } from '../../src/options.js'
import { startLogProcess } from '../support/a-level-log.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { ingestedBytes } from '../support/cache-folder.js'
import { hearth, hearthOk, type RunningHearth, startHearth } from '../support/hearth.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { hangAfter } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const MIB = 1024 * 1024

describe('a command that waits', () => {
  let registry: RawRegistry
  let name: string
  let layer: Digest
  let cache: string
  let first: RunningHearth | undefined

  let image: BuiltImage
  let small: string

  before(async () => {
    image = await anImage({ layers: [{ bytes: 110 * MIB }] })
  })
  beforeEach(async () => {
    registry = await startRawRegistry()
    small = registry.add(await anImage(), 'library/small', '1.0')
    layer = image.platforms.get('linux/amd64')?.layers[0]?.digest ?? assert.fail()
    name = registry.add(image, 'library/app', '1.0')
    cache = await tempDir()
  })
  afterEach(async () => {
    first?.child.kill('SIGKILL')
    first = undefined
    await registry.close()
  })

  const pull = (...options: readonly string[]) =>
    startHearth(['pull', name, '--platform', 'linux/amd64', '--cache', cache, ...options])
  /** A pull that is in the middle of the layer, and gets no more bytes. */
  const inTheMiddle = async (): Promise<RunningHearth> => {
    registry.script({ kind: 'blob', digest: layer }, hangAfter(10 * MIB))
    first = pull()
    await until(async () => (await ingestedBytes(cache, layer)) === 10 * MIB)
    return first
  }

  it('for a download of a stopped process gives up after the deadline, and names it', async () => {
    const { child } = await inTheMiddle()
    child.kill('SIGSTOP')
    const { exitCode, stderr, stdout } = await pull('--lock-timeout', '1', '--json').ended
    assert.equal(exitCode, 8, stderr)
    assert.match(stderr, new RegExp(`waiting for process ${child.pid}, which fetches it`))
    const [{ failure }] = JSON.parse(stdout).results
    assert.deepEqual([failure.code, failure.details.pid, failure.details.timeoutMs], ['STORE_BUSY', child.pid, 1000])
    // Nothing was taken from it: it goes on where it was.
    assert.equal(await ingestedBytes(cache, layer), 10 * MIB)
    assert.equal(registry.blobRequests().get(layer), 1)
  })

  it('for a download takes over when the other process dies, also one that was stopped, and goes on where that was', async () => {
    const { child } = await inTheMiddle()
    const second = pull()
    await said(second, `waiting for process ${child.pid}, which fetches it`)
    child.kill('SIGSTOP')
    child.kill('SIGKILL')
    const { exitCode, stderr } = await second.ended
    assert.equal(exitCode, 0, stderr)
    const [, again] = registry.requestsFor({ kind: 'blob', digest: layer })
    const from = Number(/^bytes=(\d+)-/.exec(again?.headers.range ?? '')?.[1])
    assert.ok(from >= 10 * MIB - DEFAULTS.checkpointEveryBytes, `it asked from ${from}`)
    await hearthOk(['verify', '--cache', cache])
  })

  it('for the log says for whom, and gives up with LOG_BUSY', async () => {
    await hearthOk(['pull', small, '--platform', 'linux/amd64', '--cache', cache])
    const holder = await startLogProcess('hold', cache)
    process.kill(holder.pid, 'SIGSTOP')
    const commands = [['pull', small], ['rm', small], ['log'], ['verify']]
    const json = hearth(['pull', small, '--progress', 'json', '--lock-timeout', '2', '--cache', cache])
    const ended = commands.map((argv) => hearth([...argv, '--lock-timeout', '2', '--cache', cache]))
    for (const { exitCode, stderr } of await Promise.all(ended)) {
      assert.equal(exitCode, 6, stderr)
      assert.match(stderr, new RegExp(`waiting for process ${holder.pid} to let go of the log`))
      assert.match(stderr, new RegExp(`LOG_BUSY: process ${holder.pid} did not let go of the log within 2000 ms`))
    }
    const told = (await json).stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const texts = told.flatMap(({ type, text }) => (type === 'message' ? [text] : []))
    assert.match(texts[0], new RegExp(`waiting for process ${holder.pid} to let go of the log`))
    // Whoever only reads does not wait at all.
    await hearthOk(['ls', '--cache', cache])
    process.kill(holder.pid, 'SIGCONT')
    await holder.kill()
    await hearthOk(['verify', '--cache', cache])
  })

  it('for the log of a stopped process gives up, and takes over when that one dies', async () => {
    await hearthOk(['pull', small, '--platform', 'linux/amd64', '--cache', cache])
    // While another tool has index.json, a command that changes something stays in the middle of its hold of the log.
    const index = await tryLock(join(cache, LINUXKIT_LOCK), { sign: false })
    const pin = (...options: readonly string[]) => startHearth(['pin', small, ...options, '--cache', cache])
    first = pin()
    await said(first, 'index.json')
    first.child.kill('SIGSTOP')
    const hasty = await pin('--lock-timeout', '1').ended
    assert.equal(hasty.exitCode, 6, hasty.stderr)
    assert.match(
      hasty.stderr,
      new RegExp(`LOG_BUSY: process ${first.child.pid} did not let go of the log within 1000 ms`),
    )
    const second = pin()
    await said(second, `waiting for process ${first.child.pid} to let go of the log`)
    await index?.release()
    first.child.kill('SIGKILL')
    const { exitCode, stderr } = await second.ended
    assert.equal(exitCode, 0, stderr)
    await hearthOk(['verify', '--cache', cache])
  })
})

/** Waits until a running command has said something to people. */
async function said({ child }: RunningHearth, words: string): Promise<void> {
  let told = ''
  child.stderr?.on('data', (text: Buffer) => {
    told += text
  })
  await until(() => told.includes(words))
}
