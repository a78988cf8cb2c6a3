/** Layers that were built to do harm, and layers that are damaged. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { FLATTEN_LIMITS, type FlattenLimits } from '../../src/exchange/flatten-limits.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { entriesOf, flattened } from '../support/flattened.js'
import {
  aFile,
  aFolder,
  aLink,
  aStack,
  aSymlink,
  aTar,
  gzipLayer,
  type LayerEntry,
  plainLayer,
  type StackLayer,
} from '../support/layer-entries.js'
import { aSkippableFrame, aZstdFrame, zstdOf } from '../support/zstd.js'

const ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd'

async function refused(
  code: ErrorCode,
  layers: readonly StackLayer[],
  limits: Partial<FlattenLimits> = {},
): Promise<void> {
  const stack = await aStack(layers)
  const layer = stack.manifest.layers.at(-1)?.digest
  await assert.rejects(flattened(stack, { ...FLATTEN_LIMITS, ...limits }), (error) => {
    assert.ok(isHearthError(error, code), String(error))
    assert.equal(error.details.layer, layer)
    return true
  })
}

const refusedEntries = async (code: ErrorCode, entries: readonly LayerEntry[], limits: Partial<FlattenLimits> = {}) =>
  await refused(code, [gzipLayer(await aTar(entries))], limits)

async function namesIn(...layers: readonly StackLayer[]): Promise<string[]> {
  return (await entriesOf(await flattened(await aStack(layers)))).map(({ header }) => header.name)
}

describe('a hostile name', () => {
  it('with a way out is refused, in front, inside and as a link’s target', async () => {
    for (const name of ['../x', 'a/../../x', 'a/../b', '/../x', '..', 'a/..', './../x']) {
      await refusedEntries('LAYER_INVALID', [aFile(name)])
      await refusedEntries('LAYER_INVALID', [aFile('a'), aLink('b', name)])
      await refusedEntries('LAYER_INVALID', [{ name: `${name}/.wh.x` }])
    }
  })

  it('from the root is one below it', async () => {
    assert.deepEqual(await namesIn(plainLayer(await aTar([aFile('/etc//passwd'), aFile('//x')]))), [
      'etc/',
      'etc/passwd',
      'x',
    ])
  })

  it('with a NUL is refused', async () => {
    await refusedEntries('LAYER_INVALID', [aFile(`${'long'.repeat(50)}\0x`)])
    await refusedEntries('LAYER_INVALID', [aFile('a'), aLink('b', `${'long'.repeat(50)}\0`)])
    await refusedEntries('LAYER_INVALID', [aSymlink('b', `${'long'.repeat(50)}\0`)])
  })

  it('that Linux cannot have is refused: too long, or none at all', async () => {
    await refusedEntries('LAYER_INVALID', [aFile('x'.repeat(256))])
    await refusedEntries('LAYER_INVALID', [aFile('a/'.repeat(2048))])
    await refusedEntries('LAYER_INVALID', [aFile('')])
    await refusedEntries('LAYER_INVALID', [aSymlink('x', '')])
    await refusedEntries('LAYER_INVALID', [aSymlink('x', 'y'.repeat(4096))])
  })

  it('does not grow by links beyond what a path may be', async () => {
    const links = Array.from({ length: 20 }, (_, at) =>
      aSymlink(`l${at}`, `${at === 0 ? '' : `l${at - 1}/`}${'x'.repeat(250)}`),
    )
    await refusedEntries('LAYER_INVALID', [...links, aFile('l19/y')])
  })
})

describe('a hostile entry', () => {
  it('below its own whiteout, or one that hides no name, is refused', async () => {
    for (const name of ['.wh.', 'a/.wh.', '.wh..', '.wh...', '.wh.a/b'])
      await refusedEntries('LAYER_INVALID', [aFile(name)])
  })

  it('in what is no folder is refused, and so are links that lead round', async () => {
    await refusedEntries('LAYER_INVALID', [aFile('a'), aFile('a/b')])
    await refusedEntries('LAYER_INVALID', [aSymlink('a', 'b'), aSymlink('b', 'a'), aFile('a/c')])
    await refusedEntries('LAYER_INVALID', [aFile('.')])
  })

  it('that links to nothing, to itself, or to a folder is refused', async () => {
    await refusedEntries('LAYER_INVALID', [aLink('a', 'b')])
    await refusedEntries('LAYER_INVALID', [aFile('a'), aLink('a', 'a')])
    await refusedEntries('LAYER_INVALID', [aFolder('a'), aLink('b', 'a')])
    await refusedEntries('LAYER_INVALID', [aLink('b', '/')])
  })

  it('of an unknown type, with an owner or a device that Linux does not have, is refused', async () => {
    await refusedEntries('LAYER_INVALID', [{ name: 'a', type: 'V' }])
    await refusedEntries('LAYER_INVALID', [aFile('a', '', { uid: 2 ** 32 - 1 })])
    await refusedEntries('LAYER_INVALID', [aFolder('a', { gid: 2 ** 40 })])
    await refusedEntries('LAYER_INVALID', [{ name: 'a', type: '3', deviceMajor: 4096 }])
  })
})

describe('a bomb', () => {
  const zeros = gzipSync(Buffer.alloc(8 * 1024 * 1024))

  it('of gzip or zstd ends at the limit of bytes, and at that of growth', async () => {
    const tar = Buffer.from(await aTar([aFile('a', Buffer.alloc(4 * 1024 * 1024))]))
    const runs = aZstdFrame(Array.from({ length: 100 }, () => ({ byte: 0, times: 128 * 1024 })))
    for (const layer of [gzipLayer(tar), { tar, blob: runs, mediaType: ZSTD }, { ...gzipLayer(tar), blob: zeros }]) {
      await refused('LAYER_TOO_LARGE', [layer], { maxBytes: 1024 * 1024 })
      await refused('LAYER_TOO_LARGE', [layer], { ratioFromBytes: 1024 * 1024, maxRatio: 10 })
    }
  })

  it('of several layers ends at the limit for all of them', async () => {
    const layer = gzipLayer(await aTar([aFile('a', Buffer.alloc(600_000))]))
    await refused('LAYER_TOO_LARGE', [layer, layer], { maxBytes: 1_000_000 })
  })

  it('of zeros that no archive has, in a sparse file, ends before it is written', async () => {
    const pax = (size: string) =>
      new Map([
        ['GNU.sparse.map', '0,1'],
        ['GNU.sparse.size', size],
      ])
    await refusedEntries('LAYER_TOO_LARGE', [aFile('a', 'x', { pax: pax('1099511627776') })])
    const half = `${FLATTEN_LIMITS.maxBytes / 2 ** 16}`
    const entries = [aFile('a', 'x', { pax: pax(half) }), aFile('b', 'x', { pax: pax(half) })]
    await refusedEntries('LAYER_TOO_LARGE', entries, { maxBytes: FLATTEN_LIMITS.maxBytes / 2 ** 16 + 20_000 })
  })

  it('of entries, or of names, ends at their limits', async () => {
    const entries = Array.from({ length: 300 }, (_, at) => aFile(`${at}`, ''))
    await refusedEntries('LAYER_TOO_LARGE', entries, { maxEntries: 299 })
    await refusedEntries('LAYER_TOO_LARGE', entries, { maxNameBytes: 50_000 })
    await refusedEntries(
      'LAYER_TOO_LARGE',
      [aFolder('a', { pax: new Map([['SCHILY.xattr.user.x', 'x'.repeat(60_000)]]) })],
      {
        maxNameBytes: 50_000,
      },
    )
  })

  it('of an extended header is refused', async () => {
    await refusedEntries('LAYER_INVALID', [aFile('a', '', { pax: new Map([['comment', 'x'.repeat(1024 * 1024)]]) })])
  })
})

describe('a layer', () => {
  const entries = [aFile('a', 'x'.repeat(2000)), aFile('b')]

  it('that is cut off is refused, compressed or not', async () => {
    const tar = await aTar(entries)
    for (const length of [100, 600, 1000, 3072 - 512 - 100])
      await refused('LAYER_INVALID', [plainLayer(tar.subarray(0, length))])
    for (const blob of [gzipSync(tar), zstdOf(tar)]) {
      for (const length of [8, blob.length >> 1, blob.length - 1]) {
        await refused('LAYER_INVALID', [{ ...gzipLayer(tar), blob: blob.subarray(0, length) }])
      }
    }
  })

  it('with something else behind it is refused when it is compressed; behind the archive it counts into the diff ID', async () => {
    const tar = await aTar(entries)
    for (const blob of [gzipSync(tar), zstdOf(tar)]) {
      await refused('LAYER_INVALID', [{ ...gzipLayer(tar), blob: Buffer.concat([blob, Buffer.from('trailing junk')]) }])
    }
    const more = Buffer.concat([tar, Buffer.from('trailing junk')])
    assert.deepEqual(await namesIn(gzipLayer(more)), ['a', 'b'])
    await assert.rejects(flattened(await aStack([gzipLayer(more)], [await digestBytes(tar)])), (error) =>
      isHearthError(error, 'DIGEST_MISMATCH'),
    )
  })

  it('of several gzip members, or zstd frames, is all of them', async () => {
    const tar = await aTar(entries)
    const [one, two] = [tar.subarray(0, 700), tar.subarray(700)]
    const gzipped = Buffer.concat([gzipSync(one), gzipSync(two)])
    const skipped = aSkippableFrame(Buffer.from('an index of eStargz'))
    const framed = Buffer.concat([skipped, zstdOf(one), skipped, zstdOf(two), skipped])
    for (const blob of [gzipped, framed]) assert.deepEqual(await namesIn({ ...gzipLayer(tar), blob }), ['a', 'b'])
  })

  it('whose compression is another one than its type says is read as what it is', async () => {
    const tar = await aTar(entries)
    assert.deepEqual(await namesIn({ tar, blob: gzipSync(tar), mediaType: ZSTD }), ['a', 'b'])
    assert.deepEqual(await namesIn({ ...gzipLayer(tar), blob: tar }), ['a', 'b'])
  })

  it('that is none is refused', async () => {
    const tar = await aTar(entries)
    for (const mediaType of [
      'application/vnd.oci.image.layer.v1.tar+gzip+encrypted',
      'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
      'application/vnd.oci.empty.v1+json',
    ]) {
      await refused('LAYER_INVALID', [{ ...gzipLayer(tar), mediaType }])
    }
    await refused('LAYER_INVALID', [plainLayer(Buffer.from('this is no archive'.repeat(100)))])
  })

  it('that is another one than the config speaks of is refused', async () => {
    const layer = gzipLayer(await aTar(entries))
    const stack = await aStack([layer], [await digestBytes(layer.blob)])
    await assert.rejects(flattened(stack), (error) => isHearthError(error, 'DIGEST_MISMATCH'))
  })

  it('that is damaged in the cache is refused, although its archive is sound', async () => {
    const stack = await aStack([plainLayer(await aTar(entries))])
    const [layer] = stack.manifest.layers
    const damaged = Buffer.from(await aTar([aFile('a', 'y'.repeat(2000)), aFile('b')]))
    const blobs = new Map(stack.blobs).set(layer?.digest ?? assert.fail(), damaged)
    await assert.rejects(flattened({ ...stack, blobs }), (error) => isHearthError(error, 'DIGEST_MISMATCH'))
  })
})
