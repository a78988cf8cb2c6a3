import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  addExtent,
  type Checkpoint,
  clip,
  contiguousPrefix,
  coveredBytes,
  decodeCheckpoint,
  type Extent,
  type Extents,
  emptyCheckpoint,
  encodeCheckpoint,
  missing,
  resumed,
  trusted,
  union,
} from '../../src/blobs/checkpoint.js'
import { checksumText, digestBytes } from '../../src/oci/hasher.js'

const SIZE = 40
const target = { digest: await digestBytes(Buffer.from('a blob')), size: SIZE }
const other = { digest: await digestBytes(Buffer.from('another blob')), size: SIZE }

const anExtent = fc
  .tuple(fc.nat(SIZE), fc.nat(SIZE))
  .map(([one, two]): Extent => [Math.min(one, two), Math.max(one, two)])
const someExtents = fc.array(anExtent, { maxLength: 12 })
const normal = (extents: readonly Extent[]): Extents => union([], extents)

const aCheckpoint: fc.Arbitrary<Checkpoint> = fc
  .record({ boot: fc.string(), appending: fc.boolean(), written: someExtents, synced: someExtents })
  .map(({ written, synced, ...rest }) => ({ ...target, ...rest, written: normal(written), synced: normal(synced) }))

/** The model: one flag per byte. */
function bytesOf(extents: readonly Extent[]): readonly boolean[] {
  return Array.from({ length: SIZE }, (_, at) => extents.some(([from, to]) => from <= at && at < to))
}

describe('extents', () => {
  it('cover exactly the bytes that were added, in whatever order', () => {
    fc.assert(
      fc.property(someExtents, (added) => assert.deepEqual(bytesOf(normal(added)), bytesOf(added))),
      { numRuns: 500 },
    )
  })

  it('stay sorted, and never touch or overlap', () => {
    fc.assert(
      fc.property(someExtents, (added) => {
        let end = -1
        for (const [from, to] of normal(added)) {
          assert.ok(from > end && from < to)
          end = to
        }
      }),
      { numRuns: 500 },
    )
  })

  it('and what is missing make up the whole', () => {
    fc.assert(
      fc.property(someExtents, (added) => {
        const extents = normal(added)
        const gaps = missing(extents, SIZE)
        assert.deepEqual(
          bytesOf(gaps),
          bytesOf(extents).map((there) => !there),
        )
        assert.equal(coveredBytes(extents) + coveredBytes(gaps), SIZE)
      }),
    )
  })

  it('begin with a prefix up to the first missing byte', () => {
    fc.assert(
      fc.property(someExtents, (added) => {
        const first = bytesOf(added).indexOf(false)
        assert.equal(contiguousPrefix(normal(added)), first === -1 ? SIZE : first)
      }),
    )
  })

  it('lose what lies beyond a length', () => {
    fc.assert(
      fc.property(someExtents, fc.nat(SIZE), (added, length) => {
        const expected = bytesOf(added).map((there, at) => there && at < length)
        assert.deepEqual(bytesOf(clip(normal(added), length)), expected)
      }),
    )
  })

  it('grow at the end without a new extent', () => {
    assert.deepEqual(addExtent([[0, 8]], [8, 16]), [[0, 16]])
  })

  it('are not changed by an empty one', () => {
    assert.deepEqual(addExtent([[0, 8]], [20, 20]), [[0, 8]])
  })

  it('of an empty blob miss nothing', () => {
    assert.deepEqual(missing([], 0), [])
  })
})

describe('a checkpoint', () => {
  const found: Checkpoint = {
    ...emptyCheckpoint(target, 'one'),
    appending: false,
    written: [[0, 30]],
    synced: [[0, 8]],
  }

  it('is trusted for what it calls written in the same boot', () => {
    assert.deepEqual(trusted(found, 'one'), [[0, 30]])
  })

  it('is trusted only for what was fsynced after a reboot', () => {
    assert.deepEqual(trusted(found, 'two'), [[0, 8]])
  })

  it('is not believed beyond the real end of the file', () => {
    assert.deepEqual(resumed(found, { boot: 'one', length: 20 }).written, [[0, 20]])
    assert.deepEqual(resumed(found, { boot: 'two', length: 4 }).written, [[0, 4]])
    assert.deepEqual(resumed(found, { boot: 'two', length: 4 }).synced, [[0, 4]])
  })

  it('of an append-only ingest takes the length of the file for progress, in the same boot', () => {
    const appending = { ...found, appending: true }
    assert.deepEqual(resumed(appending, { boot: 'one', length: 35 }).written, [[0, 35]])
    assert.deepEqual(resumed(appending, { boot: 'two', length: 35 }).written, [[0, 8]])
  })

  it('with holes does not take the length of the file for progress', () => {
    assert.deepEqual(resumed(found, { boot: 'one', length: 35 }).written, [[0, 30]])
  })

  it('belongs to the boot that goes on with it', () => {
    const next = resumed(found, { boot: 'two', length: SIZE })
    assert.equal(next.boot, 'two')
    assert.deepEqual(trusted(next, 'two'), [[0, 8]])
  })

  it('never claims more after a resume than it did before, holes or not', () => {
    fc.assert(
      fc.property(aCheckpoint, fc.nat(SIZE), fc.string(), (checkpoint, length, boot) => {
        const next = resumed({ ...checkpoint, appending: false }, { boot, length })
        const before = bytesOf(trusted(checkpoint, boot))
        for (const [at, there] of bytesOf(next.written).entries()) assert.ok(!there || (before[at] && at < length))
      }),
    )
  })
})

describe('the stored form of a checkpoint', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(aCheckpoint, (checkpoint) => {
        assert.deepEqual(decodeCheckpoint(encodeCheckpoint(checkpoint), target), checkpoint)
      }),
    )
  })

  it('is refused when torn anywhere', () => {
    const text = encodeCheckpoint({ ...emptyCheckpoint(target, 'one'), written: [[0, 9]], synced: [[0, 4]] })
    for (let cut = 0; cut < text.length; cut++) assert.equal(decodeCheckpoint(text.slice(0, cut), target), undefined)
  })

  it('is refused with any one character changed', () => {
    const text = encodeCheckpoint({ ...emptyCheckpoint(target, 'one'), written: [[0, 9]], synced: [[0, 4]] })
    for (let at = 0; at < text.length; at++) {
      const changed = String.fromCharCode(text.charCodeAt(at) ^ 1)
      assert.equal(decodeCheckpoint(text.slice(0, at) + changed + text.slice(at + 1), target), undefined, `at ${at}`)
    }
  })

  it('is refused for another blob or another size', () => {
    const text = encodeCheckpoint(emptyCheckpoint(target, 'one'))
    assert.equal(decodeCheckpoint(text, other), undefined)
    assert.equal(decodeCheckpoint(text, { ...target, size: SIZE + 1 }), undefined)
  })

  it('is refused in a version that is not known', () => {
    const { checksum: _, ...body } = JSON.parse(encodeCheckpoint(emptyCheckpoint(target, 'one')))
    const newer = { ...body, version: 2 }
    const text = `${JSON.stringify({ ...newer, checksum: checksumText(JSON.stringify(newer)) })}\n`
    assert.equal(decodeCheckpoint(text, target), undefined)
  })

  it('is refused when its extents make no sense, even with a right checksum', () => {
    const nonsense: readonly unknown[] = [
      [[5, 5]],
      [[9, 4]],
      [[0, SIZE + 1]],
      [
        [0, 4],
        [4, 8],
      ],
      [
        [4, 8],
        [0, 2],
      ],
      [[-1, 4]],
    ]
    for (const written of [...nonsense, [[0, 1.5]], [[0]], [0], 'all', null]) {
      const text = encodeCheckpoint({ ...emptyCheckpoint(target, 'one'), written: written as Extents })
      assert.equal(decodeCheckpoint(text, target), undefined, JSON.stringify(written))
    }
  })

  it('is refused for anything else', () => {
    fc.assert(fc.property(fc.json(), (text) => assert.equal(decodeCheckpoint(text, target), undefined)))
    for (const text of ['', '\0\0\0\0', 'null', '[]', '{"version":1}']) {
      assert.equal(decodeCheckpoint(text, target), undefined)
    }
  })
})
