import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import { type Bytes, bytesOf, collectBytes } from '../../src/exchange/bytes.js'
import { TAR_TYPES, type TarHeader } from '../../src/exchange/tar-header.js'
import { readTar, TAR_LIMITS, type TarLimits } from '../../src/exchange/tar-reader.js'
import { encodeHeader, type TarHeaderInput, TarWriter } from '../../src/exchange/tar-writer.js'
import { aSink } from '../support/a-sink.js'
import { TAR_END, tarHeader, tarOf } from '../support/tar.js'

interface Read {
  readonly header: TarHeader
  readonly content: Buffer
}

async function readAll(source: Bytes | Uint8Array, limits?: Partial<TarLimits>): Promise<Read[]> {
  const found: Read[] = []
  const bytes = source instanceof Uint8Array ? bytesOf(source) : source
  for await (const { header, content } of readTar(bytes, { ...TAR_LIMITS, ...limits })) {
    found.push({ header, content: Buffer.from(await collectBytes(content, 1e6, () => new Error('large'))) })
  }
  return found
}

async function written(...entries: readonly (readonly [TarHeaderInput, Uint8Array?])[]): Promise<Buffer> {
  const sink = aSink()
  const writer = new TarWriter(sink)
  for (const [header, content] of entries) await writer.add(header, content)
  await writer.finish()
  return sink.bytes()
}

/** The block of a header with one field overwritten, and its checksum made right again. */
function patched(field: Uint8Array | string, at: number, base = tarHeader('file', 0)): Buffer {
  const block = Buffer.from(base)
  block.set(typeof field === 'string' ? Buffer.from(field, 'latin1') : field, at)
  block.fill(0x20, 148, 156)
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return block
}

const isInvalid = (error: unknown) => isHearthError(error, 'ARCHIVE_INVALID')
const bytesFrom = (text: string) => Buffer.from(text, 'latin1')

describe('a tar archive', () => {
  it('reads back as it was written, however its bytes are cut', async () => {
    const byteText = (options: { minLength?: number; maxLength: number }) =>
      fc
        .uint8Array({ ...options, min: 1 })
        .map((bytes) => Buffer.from(bytes).toString('latin1'))
        .filter((text) => !text.endsWith('/'))
    const number = fc.oneof(fc.nat(), fc.maxSafeNat())
    const header = fc.record({
      name: byteText({ minLength: 1, maxLength: 300 }),
      linkName: byteText({ maxLength: 150 }),
      mode: fc.nat(0o7777),
      uid: number,
      gid: number,
      userName: byteText({ maxLength: 40 }),
      groupName: byteText({ maxLength: 40 }),
      mtime: fc.oneof(fc.nat(), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
      pax: fc.dictionary(fc.constantFrom('SCHILY.xattr.user.a', 'comment'), byteText({ minLength: 1, maxLength: 200 })),
    })
    const entry = fc.tuple(header, fc.uint8Array({ maxLength: 2000 }))
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 4 }), fc.integer({ min: 1, max: 3000 }), async (entries, cut) => {
        const inputs = entries.map(
          ([fields, bytes]) => [{ ...fields, pax: new Map(Object.entries(fields.pax)) }, bytes] as const,
        )
        const archive = await written(...inputs)
        assert.equal(archive.length % 512, 0)
        const pieces = Array.from({ length: Math.ceil(archive.length / cut) }, (_, at) =>
          archive.subarray(at * cut, (at + 1) * cut),
        )
        const read = await readAll(bytesOf(...pieces))
        assert.equal(read.length, inputs.length)
        for (const [at, [fields, bytes]] of inputs.entries()) {
          const { header, content } = read[at] ?? assert.fail()
          const { pax, ...rest } = fields
          const { pax: found, ...own } = header
          for (const [key, value] of Object.entries(rest)) assert.equal(own[key as keyof typeof own], value, key)
          for (const [key, value] of pax) assert.equal(found.get(key), value)
          assert.deepEqual(content, Buffer.from(bytes))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('skips what nobody reads, and reads its source to the end', async () => {
    let taken = 0
    const archive = tarOf([
      { path: 'a', bytes: Buffer.alloc(1000) },
      { path: 'b', bytes: bytesFrom('b') },
    ])
    async function* source(): Bytes {
      for (let at = 0; at < archive.length; at += 100) {
        taken += 100
        yield archive.subarray(at, at + 100)
      }
      taken = -1
    }
    const names: string[] = []
    for await (const { header } of readTar(source())) names.push(header.name)
    assert.deepEqual([names, taken], [['a', 'b'], -1])
  })

  it('lets its source go when its reader stops early', async () => {
    let ended = false
    async function* source(): Bytes {
      try {
        yield tarOf([{ path: 'a', bytes: Buffer.alloc(1000) }])
      } finally {
        ended = true
      }
    }
    for await (const _ of readTar(source())) break
    assert.ok(ended)
  })

  it('keeps names and values that are no UTF-8', async () => {
    const name = `${'\xff\xfe'.repeat(80)}/\x80`
    const pax = new Map([['SCHILY.xattr.security.capability', '\x01\x00\x00\x02\xff\n=\x00']])
    const [read] = await readAll(await written([{ name, pax }]))
    assert.equal(read?.header.name, name)
    assert.deepEqual(read?.header.pax, pax)
  })

  it('has sizes beyond eight GiB', async () => {
    const header = encodeHeader({
      ...(await readAll(await written([{ name: 'large' }])))[0]?.header,
      size: 2 ** 40,
    } as TarHeader)
    const reading = readTar(bytesOf(header))
    const { value } = await reading.next()
    assert.equal(value?.header.size, 2 ** 40)
    await reading.return()
  })

  it('understands what GNU tar and the seventh Unix wrote', async () => {
    const long = 'n'.repeat(300)
    const old = patched('\0\0\0\0\0\0\0\0', 257, patched('\0', 156, tarHeader('old/', 0)))
    const archive = Buffer.concat([
      patched('L', 156, tarHeader('././@LongLink', 301)),
      Buffer.concat([bytesFrom(`${long}\0`), Buffer.alloc(512 - 301)]),
      patched('K', 156, tarHeader('././@LongLink', 301)),
      Buffer.concat([bytesFrom(`${long}\0`), Buffer.alloc(512 - 301)]),
      patched('2', 156),
      old,
      // A size in base 256, of a symbolic link that has no content after all.
      patched(Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]), 124, patched('2', 156)),
      patched(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), 136),
      TAR_END,
    ])
    const [longOne, folder, link, early] = (await readAll(archive)).map(({ header }) => header)
    assert.deepEqual([longOne?.name, longOne?.linkName], [long, long])
    assert.equal(folder?.type, TAR_TYPES.folder)
    assert.equal(link?.size, 0)
    assert.equal(early?.mtime, -1)
  })

  it('writes the sparse files of GNU tar again as they came', async () => {
    const sparse = patched(Buffer.from([1]), 482, patched('S', 156, tarHeader('sparse', 10)))
    const map = Buffer.alloc(512)
    const archive = Buffer.concat([sparse, map, Buffer.concat([Buffer.alloc(10, 'x'), Buffer.alloc(502)]), TAR_END])
    const [read] = await readAll(archive)
    const { header, content } = read ?? assert.fail()
    assert.deepEqual(await written([header, content]), archive)
  })

  it('takes what it says for all files, but neither name nor size', async () => {
    const record = (text: string) => Buffer.concat([bytesFrom(text), Buffer.alloc(512 - text.length)])
    const global = patched('g', 156, tarHeader('g', 13))
    const [read] = await readAll(
      Buffer.concat([global, record('13 comment=x\n'), tarOf([{ path: 'a', bytes: bytesFrom('a') }])]),
    )
    assert.equal(read?.header.pax.get('comment'), 'x')
    for (const text of ['13 path=/etc\n', '13 size=9999\n', '14 linkpath=/\n']) {
      const archive = [patched('g', 156, tarHeader('g', text.length)), record(text), tarOf([])]
      await assert.rejects(readAll(Buffer.concat(archive)), isInvalid, text)
    }
  })
})

describe('a tar archive without its end', () => {
  it('is whole when its last file is, as umoci insert writes it', async () => {
    const archive = Buffer.concat([tarHeader('file', 10), bytesFrom('1234567890')])
    for (const padding of [0, 5, 502]) {
      const [read, ...others] = await readAll(Buffer.concat([archive, Buffer.alloc(padding)]))
      assert.deepEqual([read?.content.toString(), others], ['1234567890', []])
    }
  })
})

describe('a tar archive that is damaged, or was built to do harm', () => {
  const extension = (type: string, content: string) =>
    Buffer.concat([
      patched(type, 156, tarHeader('x', content.length)),
      bytesFrom(content),
      Buffer.alloc((512 - (content.length % 512)) % 512),
      tarOf([{ path: 'a', bytes: bytesFrom('a') }]),
    ])
  const CASES: readonly (readonly [string, Uint8Array])[] = [
    ['no archive at all', Buffer.alloc(1024, 'x')],
    ['a wrong checksum', Buffer.from(tarHeader('file', 0)).fill('x', 0, 1)],
    ['a header cut off', tarHeader('file', 0).subarray(0, 511)],
    ['a file cut off', Buffer.concat([tarHeader('file', 10), bytesFrom('12345')])],
    ['an extension without its file', extension('x', '12 path=abc\n').subarray(0, 1024)],
    ['an extension cut off', extension('x', '12 path=abc\n').subarray(0, 600)],
    ['a size that is no number', patched('12x', 124)],
    ['a size that is negative', patched(Buffer.alloc(12, 0xff), 124)],
    ['a size beyond what can be counted', patched(Buffer.from([0x80, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), 124)],
    ['an owner that is negative', patched(Buffer.alloc(8, 0xff), 108)],
    ['a record without a length', extension('x', 'path=abc\n')],
    ['a record that is too long', extension('x', '99 path=abc\n')],
    ['a record without its end', extension('x', '11 path=abcd')],
    ['a record without a value', extension('x', '8 path\n\n')],
    ['a negative size in a record', extension('x', '11 size=-1\n')],
    ['a size in a record beyond what can be counted', extension('x', '26 size=9007199254740993\n'.padEnd(26, '\n'))],
    ['a name with a NUL in a record', extension('x', '12 path=a\0b\n')],
    ['a long name that would fill the memory', patched('L', 156, tarHeader('x', 1024 * 1024 + 1))],
    ['records that would fill the memory', patched('x', 156, tarHeader('x', 1024 * 1024 + 1))],
  ]
  for (const [what, archive] of CASES) {
    it(`is refused: ${what}`, async () => {
      await assert.rejects(readAll(archive), isInvalid)
    })
  }

  it('is refused: more entries than allowed', async () => {
    const archive = tarOf(['a', 'b', 'c'].map((path) => ({ path, bytes: bytesFrom(path) })))
    assert.equal((await readAll(archive, { maxEntries: 3 })).length, 3)
    await assert.rejects(readAll(archive, { maxEntries: 2 }), isInvalid)
  })
})

describe('TarWriter', () => {
  it('gives the same bytes for the same entries, without a clock', async () => {
    const entry = [
      {
        name: 'n'.repeat(200),
        pax: new Map([
          ['b', '2'],
          ['a', '1'],
        ]),
      },
      bytesFrom('x'),
    ] as const
    const other = [
      {
        ...entry[0],
        pax: new Map([
          ['a', '1'],
          ['b', '2'],
        ]),
      },
      entry[1],
    ] as const
    assert.deepEqual(await written(entry), await written(other))
  })

  it('refuses content of another size than it announced', async () => {
    const writer = new TarWriter(aSink())
    await assert.rejects(writer.add({ name: 'a', size: 3 }, bytesOf(bytesFrom('ab'))), TypeError)
  })
})
