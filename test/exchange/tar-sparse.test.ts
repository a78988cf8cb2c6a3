import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { isHearthError } from '../../src/errors.js'
import { type Bytes, bytesOf, collectBytes } from '../../src/exchange/bytes.js'
import type { TarHeader } from '../../src/exchange/tar-header.js'
import { readTar } from '../../src/exchange/tar-reader.js'
import { expandSparse, isSparse, plainHeader } from '../../src/exchange/tar-sparse.js'
import { aFile, aTar } from '../support/layer-entries.js'
import { tempDir } from '../support/temp-dir.js'

const isInvalid = (error: unknown) => isHearthError(error, 'ARCHIVE_INVALID')
const SIZE = 3 * 1024 * 1024 + 17

/** A file with holes: `pieces` bytes of text, one every 64 KiB, and nothing after the last one. */
async function aSparseFile(folder: string, pieces: number): Promise<Buffer> {
  const whole = Buffer.alloc(SIZE)
  const file = await open(join(folder, 'sparse'), 'w')
  for (let at = 0; at < pieces; at++) {
    const text = Buffer.from(`piece ${at}`)
    text.copy(whole, at * 65_536 + 100)
    await file.write(text, 0, text.length, at * 65_536 + 100)
  }
  await file.truncate(SIZE)
  await file.close()
  return whole
}

async function expanded(source: Bytes): Promise<{ header: TarHeader; content: Buffer }[]> {
  const found: { header: TarHeader; content: Buffer }[] = []
  for await (const { header, content } of readTar(source)) {
    assert.ok(isSparse(header))
    const bytes = await collectBytes(expandSparse(header, content), 2 ** 24, () => new Error('large'))
    found.push({ header: plainHeader(header), content: Buffer.from(bytes) })
  }
  return found
}

describe('a sparse file', () => {
  const FORMATS = [
    ['gnu'],
    ['oldgnu'],
    ['pax', '--sparse-version=0.0'],
    ['pax', '--sparse-version=0.1'],
    ['pax', '--sparse-version=1.0'],
  ]
  for (const [format = '', ...more] of FORMATS) {
    for (const pieces of [0, 1, 4, 5, 40]) {
      it(`is read with its zeros: ${[format, ...more].join(' ')}, ${pieces} pieces`, async () => {
        const folder = await tempDir()
        const whole = await aSparseFile(folder, pieces)
        const args = [`--format=${format}`, ...more, '--sparse', '-C', folder, '-cf', '-', 'sparse']
        const { stdout } = await promisify(execFile)('tar', args, { encoding: 'buffer', maxBuffer: 2 ** 24 })
        assert.ok(stdout.length < SIZE)
        const [found, ...others] = await expanded(bytesOf(stdout))
        assert.deepEqual([found?.header.name, found?.header.size, others], ['sparse', SIZE, []])
        assert.deepEqual(
          [...(found?.header.pax.keys() ?? [])].filter((key) => key.startsWith('GNU')),
          [],
        )
        assert.ok(found?.content.equals(whole))
      })
    }
  }

  const sparseOf = async (records: Record<string, string>, content: string) => {
    const pax = new Map(Object.entries(records).map(([key, value]) => [`GNU.sparse.${key}`, value]))
    return await expanded(bytesOf(await aTar([aFile('GNUSparseFile.0/x', content, { pax })])))
  }

  it('is refused with a map that makes no sense', async () => {
    for (const [map, content, size] of [
      ['0,4,2,4', 'abcdefgh', '10'], // overlapping
      ['4,4,0,4', 'abcdefgh', '10'], // backwards
      ['0,4,8,4', 'abcdefgh', '10'], // beyond the end
      ['0,4', 'abc', '10'], // more than there is
      ['0,4', 'abcdef', '10'], // less than there is
      ['0,4,5', 'abcd', '10'],
      ['0,x', 'abcd', '10'],
      ['0,-4', 'abcd', '10'],
      ['0,99999999999999999999', 'abcd', '10'],
      ['0,4', 'abcd', '-1'],
      ['0,4', 'abcd', '99999999999999999'],
    ] as const) {
      await assert.rejects(sparseOf({ map, size }, content), isInvalid, map)
    }
    for (const content of ['', '1\n0\n', 'x\n', `${'9'.repeat(600)}\n`]) {
      await assert.rejects(
        sparseOf({ major: '1', minor: '0', realsize: '10' }, content),
        isInvalid,
        content.slice(0, 9),
      )
    }
  })

  it('is refused when its map has no end', async () => {
    const content = `99999999\n${'0\n0\n'.repeat(600_000)}`
    await assert.rejects(sparseOf({ major: '1', minor: '0', realsize: '10' }, content), isInvalid)
  })
})
