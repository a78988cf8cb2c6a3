const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

/** A block of a frame, as RFC 8878 section 3.1.1.2 has it: bytes as they are, or one byte so many times. */
export type ZstdBlock = { readonly raw: Uint8Array } | { readonly byte: number; readonly times: number }

/** A frame of such blocks, which any decoder of zstd reads. Its window has `2 ** windowLog` bytes. */
export function aZstdFrame(blocks: readonly ZstdBlock[], windowLog = 20): Buffer {
  const parts = blocks.map((block, at) => {
    const [type, size] = 'raw' in block ? [0, block.raw.length] : [1, block.times]
    const head = Buffer.alloc(3)
    head.writeUIntLE((size << 3) | (type << 1) | (at === blocks.length - 1 ? 1 : 0), 0, 3)
    return Buffer.concat([head, 'raw' in block ? block.raw : Buffer.from([block.byte])])
  })
  return Buffer.concat([MAGIC, Buffer.from([0, (windowLog - 10) << 3]), ...parts])
}

/** Bytes in blocks of the largest size. */
export function zstdOf(bytes: Uint8Array): Buffer {
  const blocks: ZstdBlock[] = []
  for (let at = 0; at < bytes.length || at === 0; at += 128 * 1024)
    blocks.push({ raw: bytes.subarray(at, at + 128 * 1024) })
  return aZstdFrame(blocks)
}

/** A frame that decoders skip. */
export function aSkippableFrame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(0x184d2a53, 0)
  head.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([head, bytes])
}
