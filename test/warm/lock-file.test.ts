import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatLock, type Lock } from '../../src/warm/lock-file.js'
import { parseLock } from '../../src/warm/parse-input.js'
import { placeOfError, readFixture } from './parse.js'

const TEXT = new TextDecoder().decode(await readFixture('lock.json'))
const parse = (text: string): Promise<Lock> => parseLock(Buffer.from(text), 'x.lock')
const failsAt = (change: (text: string) => string): Promise<string> => placeOfError(parse(change(TEXT)))

function reverse<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).reverse())
}

describe('a lock file', () => {
  it('is written as it was read', async () => {
    assert.equal(formatLock(await parse(TEXT)), TEXT)
  })

  it('has the same bytes whatever the order in which it was put together', async () => {
    const { images } = await parse(TEXT)
    const turned = Object.entries(images).map(([name, image]) => {
      const { digest, mediaType, size, platforms } = image
      return [name, { platforms: reverse(platforms), size, mediaType, digest }] as const
    })
    assert.equal(formatLock({ version: 1, images: reverse(Object.fromEntries(turned)) }), TEXT)
  })

  it('may hold what this version does not know, and be written by hand', async () => {
    const { images } = await parse(TEXT.replace('"version": 1,', '"version": 1, "comment": ["x"],'))
    assert.equal(Object.keys(images).length, 2)
    assert.equal(formatLock(await parse(TEXT.replace(/,\n {6}"platforms": \{\}/, ''))), TEXT)
  })

  it('is refused where something is missing or makes no sense', async () => {
    assert.equal(await failsAt((text) => text.replace('"size": 1638', '"size": -1')), '7:15')
    assert.equal(await failsAt((text) => text.replace('"size": 528', '"size": "big"')), '11:19')
    assert.equal(await failsAt((text) => text.replace(/"mediaType": "[^"]*"/, '"mediaType": "x y"')), '6:20')
    assert.equal(await failsAt((text) => text.replace(/"mediaType": "[^"]*",\n/, '')), '4:38')
    assert.equal(await failsAt((text) => text.replace('"platforms": {}', '"platforms": []')), '19:20')
    assert.equal(
      await failsAt((text) => text.replace('registry.example.com/plain:1', 'docker.io/library/alpine:3.19')),
      '15:5',
    )
    assert.equal(await failsAt((text) => text.replace('"version": 1,\n', '')), '1:1')
  })

  it('of a thousand images is read in no time', async () => {
    const [image] = Object.values((await parse(TEXT)).images)
    assert.ok(image !== undefined)
    const names = Array.from({ length: 1000 }, (_, number) => [`registry.example.com/app:${number}`, image] as const)
    const text = formatLock({ version: 1, images: Object.fromEntries(names) })
    const started = performance.now()
    await parse(text)
    assert.ok(performance.now() - started < 1_000)
  })
})
