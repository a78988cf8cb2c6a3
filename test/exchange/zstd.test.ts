import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { bytesOf, collectBytes } from '../../src/exchange/bytes.js'
import { decodeInScript, unzstd } from '../../src/exchange/zstd.js'
import { memoryAfter } from '../support/memory-after.js'
import { aSkippableFrame, aZstdFrame, zstdOf } from '../support/zstd.js'

const fixture = (name: string) => readFile(new URL(`../../../test/fixtures/zstd/${name}`, import.meta.url))
const lines = Array.from({ length: 40_000 }, (_, at) => `line ${at}, and ${(at * at) % 977} of it\n`).join('')
const isInvalid = (error: unknown) => isHearthError(error, 'ARCHIVE_INVALID')

/** In chunks of so many bytes, through one buffer, as files are read. */
async function* chunked(bytes: Uint8Array, size: number) {
  const buffer = new Uint8Array(size)
  for (let at = 0; at < bytes.length; at += size) {
    const length = Math.min(size, bytes.length - at)
    buffer.set(bytes.subarray(at, at + length))
    yield buffer.subarray(0, length)
  }
}

/** A frame of blocks of 128 KiB, none of which is in memory before its turn. */
async function* longFrame(blocks: number) {
  yield aZstdFrame([]).subarray(0, 6)
  for (let at = 1; at <= blocks; at++) {
    // The last block of a frame alone says so.
    const block = aZstdFrame([{ raw: Buffer.alloc(128 * 1024, at) }]).subarray(6)
    if (at < blocks) block[0] = (block[0] ?? 0) & 0xfe
    yield block
  }
}

const DECODERS = [
  ['the decoder of this Node', (source: Parameters<typeof unzstd>[0]) => unzstd(source)],
  ['the decoder in JavaScript', (source: Parameters<typeof unzstd>[0]) => unzstd(source, decodeInScript)],
] as const

for (const [name, decode] of DECODERS) {
  const all = async (bytes: Uint8Array, chunk = 64 * 1024): Promise<string> => {
    const decoded = await collectBytes(decode(chunked(bytes, chunk)), 2 ** 26, () => new Error('large'))
    return Buffer.from(decoded).toString('latin1')
  }

  describe(name, () => {
    it('reads what zstd wrote, with and without a checksum, however it is cut', async () => {
      for (const file of ['lines.zst', 'lines-fast.zst']) {
        for (const chunk of [1000, 64 * 1024]) assert.equal(await all(await fixture(file), chunk), lines)
      }
    })

    it('reads every frame, and skips those to be skipped', async () => {
      const [a, b] = [zstdOf(Buffer.from('first, ')), zstdOf(Buffer.from('second'))]
      const skippable = aSkippableFrame(Buffer.alloc(300_000, 7))
      assert.equal(
        await all(Buffer.concat([skippable, a, skippable, b, aSkippableFrame(Buffer.alloc(0))])),
        'first, second',
      )
      assert.equal(
        await all(Buffer.concat([await fixture('lines.zst'), await fixture('lines-fast.zst')])),
        lines + lines,
      )
    })

    it('reads frames of hardly anything, and many of them', async () => {
      const tiny = [aZstdFrame([{ raw: new Uint8Array() }]), aZstdFrame([{ byte: 0x78, times: 1 }])]
      assert.equal(await all(Buffer.concat(Array.from({ length: 500 }, () => tiny).flat())), 'x'.repeat(500))
    })

    it('reads a run of one byte over blocks', async () => {
      const block = { byte: 0x61, times: 128 * 1024 }
      assert.equal((await all(aZstdFrame([block, block, block]))).length, 3 * 128 * 1024)
    })

    it('refuses what is cut off at any place', async () => {
      const whole = Buffer.concat([zstdOf(Buffer.from('some text')), aSkippableFrame(Buffer.from('four'))])
      const ends = [zstdOf(Buffer.from('some text')).length, whole.length]
      for (let length = 1; length < whole.length; length++) {
        if (!ends.includes(length)) await assert.rejects(all(whole.subarray(0, length)), isInvalid, `${length}`)
      }
      const lineBytes = await fixture('lines.zst')
      await assert.rejects(all(lineBytes.subarray(0, lineBytes.length - 1)), isInvalid)
    })

    it('refuses anything else behind a frame, zeros too', async () => {
      for (const junk of ['junk!', '\0', '\0\0\0\0\0\0\0\0']) {
        await assert.rejects(all(Buffer.concat([zstdOf(Buffer.from('x')), Buffer.from(junk)])), isInvalid)
      }
    })

    it('refuses windows above 128 MiB, dictionaries, and what the format reserves', async () => {
      const magic = [0x28, 0xb5, 0x2f, 0xfd]
      for (const header of [
        [0x00, (28 - 10) << 3],
        // One segment of 2 ** 32 bytes.
        [0xe0, 0, 0, 0, 0, 1, 0, 0, 0],
        [0x01, 80, 42],
        [0x08, 80],
      ]) {
        await assert.rejects(all(Buffer.from([...magic, ...header, 1, 0, 0])), isInvalid, `${header}`)
      }
      // A block that is larger than any may be, and one of the reserved type.
      await assert.rejects(all(aZstdFrame([{ byte: 1, times: 128 * 1024 + 1 }])), isInvalid)
      await assert.rejects(all(Buffer.from([...magic, 0, 80, 0x07, 0, 0])), isInvalid)
    })

    it('refuses a table that would keep a decoder busy for ever', async () => {
      const block = '750000a2800206f003ffffff0101010100'
      await assert.rejects(all(Buffer.from(`28b52ffd0040${block}`, 'hex')), isInvalid)
    })

    it('refuses damage, or gives other bytes, but never fails in any other way', async () => {
      const sound = await fixture('lines-fast.zst')
      for (let at = 6; at < 400; at += 3) {
        const damaged = Buffer.from(sound)
        damaged[at] = (damaged[at] ?? 0) ^ 0x55
        await all(damaged).then(
          (text) => assert.notEqual(text, lines),
          (error: unknown) => assert.ok(isInvalid(error), String(error)),
        )
      }
    })
  })
}

describe('a zstd stream of nothing', () => {
  it('is empty', async () => {
    assert.equal((await collectBytes(unzstd(bytesOf()), 0, () => new Error('large'))).length, 0)
  })
})

/** Bytes: much less than what has passed, and more than what is under way. */
const ENOUGH = 16 * 1024 * 1024

describe('the decoder in JavaScript, on a long stream', () => {
  it('keeps nothing of what has passed', async () => {
    const usedAfter = async (blocks: number): Promise<number> => {
      let used = 0
      let left = blocks
      for await (const _ of unzstd(longFrame(blocks), decodeInScript)) {
        if (--left > 0) continue
        used = await memoryAfter('arrayBuffers', ENOUGH)
      }
      return used
    }
    const few = await usedAfter(10)
    const many = await usedAfter(500)
    assert.ok(many - few < ENOUGH, `${few} bytes, and then ${many}`)
  })
})
