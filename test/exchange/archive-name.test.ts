import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { parseArchiveName, plainName } from '../../src/exchange/archive-name.js'

const HEX = 'a'.repeat(64)

describe('the name of an entry', () => {
  it('tells what it is for', () => {
    const kinds: readonly (readonly [string, string])[] = [
      ['oci-layout', 'control'],
      ['./index.json', 'control'],
      ['manifest.json', 'control'],
      [`blobs/sha256/${HEX}`, 'blob'],
      [`./blobs/sha512/${HEX}${HEX}`, 'blob'],
      [`${HEX}.json`, 'part'],
      [`sha256:${HEX}`, 'part'],
      [`${HEX}/layer.tar`, 'part'],
      [`${HEX}.tar.gz`, 'part'],
      [`blobs/sha256/${HEX}.tar.gz`, 'part'],
      [`blobs/sha256/._${HEX}`, 'other'],
      [`blobs/sha256/${HEX.toUpperCase()}`, 'other'],
      [`blobs/sha256/${HEX}0`, 'other'],
      [`blobs/md5/${HEX}`, 'other'],
      [`${HEX}/json`, 'other'],
      [`${HEX}/VERSION`, 'other'],
      ['repositories', 'other'],
      ['README', 'other'],
      ['x/index.json.bak', 'other'],
    ]
    for (const [name, kind] of kinds) assert.equal(parseArchiveName(name).kind, kind, name)
    assert.equal(parseArchiveName(`./blobs/sha256/${HEX}`).name, `blobs/sha256/${HEX}`)
  })

  const HOSTILE: readonly string[] = [
    ...[
      '',
      '/',
      '//',
      '..',
      '../x',
      'a/../b',
      'a/..',
      '/etc/passwd',
      './../x',
      './/x',
      '././x',
      './././',
      'a//b',
      'a/./b',
    ],
    ...['a\\b', '..\\x', 'C:/x', 'c:x', 'a\0b', 'a\nb', 'a\u001b[2J', 'caf\u00e9.tar', 'n'.repeat(4096)],
    'blobs/sha256/..',
  ]
  for (const name of HOSTILE) {
    it(`is refused: ${JSON.stringify(name.slice(0, 80))}`, () => {
      assert.throws(
        () => parseArchiveName(name),
        (error) => isHearthError(error, 'ARCHIVE_INVALID'),
      )
    })
  }

  it('of a folder may end with a slash, and be the root', () => {
    assert.deepEqual(['./', '.', 'blobs/', './blobs/sha256/'].map(plainName), ['.', '.', 'blobs', 'blobs/sha256'])
  })
})
