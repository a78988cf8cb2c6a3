/** Garbage is collected all the time while processes pull: no pull may fail, and what is pinned stays. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage, digestsOf } from '../support/an-image.js'
import { namesIn, soundBlobs } from '../support/cache-folder.js'
import { collectUntil } from '../support/gc-loop.js'
import { hearth, hearthOk } from '../support/hearth.js'
import { startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'

const LANES = 3
const PULLS = 3

describe('gc beside pulls in other processes', () => {
  it('fails no pull, breaks no image and takes nothing that is pinned', async (t) => {
    const registry = await startRawRegistry({ latencyMs: 3 })
    t.after(() => registry.close())
    const images = await Promise.all(
      Array.from({ length: LANES + 1 }, (_, at) =>
        anImage({ seed: `image-${at}`, layers: [{ seed: 'base', bytes: 200_000 }, { bytes: 20_000 }, {}] }),
      ),
    )
    const [pinned = '', ...names] = images.map((image, at) => registry.add(image, `library/image-${at}`, '1.0'))
    const cache = await tempDir()
    const run = (...argv: string[]) => hearth([...argv, '--cache', cache])
    await hearthOk(['pull', pinned, '--platform', 'linux/amd64', '--cache', cache])
    await hearthOk(['pin', pinned, '--cache', cache])
    // Who gets the log how often is up to the machine: the pulls go on until there was a race worth the name.
    let [done, raced] = [false, false]
    const collecting = collectUntil(cache, {
      aborted: ({ runs, evicted }) => {
        raced = runs > PULLS && evicted > 0
        return done
      },
    })
    collecting.catch(() => {
      raced = true
    })
    const lane = async (at: number): Promise<void> => {
      for (let pull = 0; pull < PULLS || !raced; pull++) {
        const some = [names[at], names[(at + pull) % LANES]].map(String)
        const { exitCode, stderr } = await run('pull', ...some, pinned, '--platform', 'linux/amd64')
        assert.equal(exitCode, 0, stderr)
      }
    }
    try {
      await Promise.all(Array.from({ length: LANES }, (_, at) => lane(at)))
    } finally {
      done = true
    }
    const { runs, evicted } = await collecting
    assert.ok(runs > PULLS && evicted > 0, `${runs} runs, ${evicted} evicted`)
    await hearthOk(['gc', '--keep-bytes', '0', '--cache', cache])
    assert.deepEqual([...(await namesIn(cache)).keys()], [pinned])
    assert.deepEqual(await soundBlobs(cache), digestsOf(images[0] ?? assert.fail()))
    await hearthOk(['verify', '--cache', cache])
  })
})
