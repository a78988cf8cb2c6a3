import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { isHearthError } from '../../src/errors.js'
import { type Bytes, bytesOf, collectBytes } from '../../src/exchange/bytes.js'
import { compressionOf, decompressed, EXPANSION_LIMITS, gzip } from '../../src/exchange/compression.js'
import { seededBytes } from '../support/seeded-bytes.js'

const isInvalid = (error: unknown) => isHearthError(error, 'ARCHIVE_INVALID')
const all = async (bytes: Bytes) => Buffer.from(await collectBytes(bytes, 2 ** 30, () => new Error('large')))

/** One buffer for all chunks, as a file is read: who keeps a chunk too long reads others' bytes. */
async function* reused(bytes: Uint8Array, size: number): Bytes {
  const buffer = Buffer.alloc(size)
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size)
    buffer.set(piece)
    yield buffer.subarray(0, piece.length)
    buffer.fill(0)
  }
}

describe('compressionOf', () => {
  it('tells by the first bytes', () => {
    assert.equal(compressionOf(gzipSync('x')), 'gzip')
    assert.equal(compressionOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])), 'zstd')
    assert.equal(compressionOf(Buffer.from([0x5e, 0x2a, 0x4d, 0x18])), 'zstd')
    for (const head of [[], [0x1f], [0x50, 0x2a, 0x4d], [0x75, 0x73]]) {
      assert.equal(compressionOf(Buffer.from(head)), 'none')
    }
  })
})

describe('gzip', () => {
  it('gives the same bytes for the same content, whatever the pieces', async () => {
    const content = seededBytes('gzip', 300_000)
    const [first, second] = [await all(gzip(reused(content, 1000))), await all(gzip(reused(content, 77_777)))]
    assert.deepEqual(first, second)
    assert.deepEqual(gunzipSync(first), Buffer.from(content))
    assert.equal(first.readUInt32LE(4), 0, 'no time')
  })
})

describe('gunzip', () => {
  const content = Buffer.concat([seededBytes('gunzip', 300_000), Buffer.alloc(300_000)])
  const packed = gzipSync(content)

  it('gives the content, of all members, and takes zeros after them', async () => {
    assert.deepEqual(await all(decompressed(reused(packed, 1000))), content)
    const members = Buffer.concat([packed, gzipSync('more'), Buffer.alloc(512)])
    assert.deepEqual(await all(decompressed(reused(members, 999))), Buffer.concat([content, Buffer.from('more')]))
  })

  it('refuses what is damaged, cut off, or followed by something else', async () => {
    const damaged = Buffer.from(packed)
    damaged[packed.length - 5] = (damaged[packed.length - 5] ?? 0) ^ 1
    for (const bytes of [damaged, packed.subarray(0, -9), Buffer.concat([packed, Buffer.from('junk')])]) {
      await assert.rejects(all(decompressed(reused(bytes, 10_000))), isInvalid)
    }
  })

  it('stops what grows beyond the limits, before it has grown', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    let seen = 0
    const count = async (limits: Partial<typeof EXPANSION_LIMITS>) => {
      seen = 0
      for await (const chunk of decompressed(bytesOf(bomb), { ...EXPANSION_LIMITS, ...limits })) seen += chunk.length
    }
    await assert.rejects(count({ maxBytes: 1_000_000 }), isInvalid)
    assert.ok(seen <= 1_000_000)
    await assert.rejects(count({ maxRatio: 500, ratioFromBytes: 1_000_000 }), isInvalid)
    assert.ok(seen < 20_000_000)
    await count({ maxRatio: 1100, ratioFromBytes: 1_000_000 })
    assert.equal(seen, 20_000_000)
  })

  it("passes on its source's own failure, and lets it go when the reader stops", async () => {
    const broken = new Error('broken')
    async function* failing(): Bytes {
      yield packed.subarray(0, 1000)
      throw broken
    }
    await assert.rejects(all(decompressed(failing())), broken)
    let ended = false
    async function* endless(): Bytes {
      try {
        for (;;) yield packed
      } finally {
        ended = true
      }
    }
    for await (const _ of decompressed(endless())) break
    assert.ok(ended)
  })
})

describe('decompressed', () => {
  it('takes gzip away, and leaves other bytes as they are', async () => {
    const content = seededBytes('decompressed', 10_000)
    for (const bytes of [gzipSync(content), content]) {
      assert.deepEqual(await all(decompressed(reused(bytes, 1000))), Buffer.from(content))
    }
    for (const short of ['', 'a', 'abc']) {
      assert.deepEqual(await all(decompressed(bytesOf(Buffer.from(short)))), Buffer.from(short))
    }
  })
})
