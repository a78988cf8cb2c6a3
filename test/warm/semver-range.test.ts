import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseSemverRange } from '../../src/warm/semver-range.js'

/** Range, then tags it includes, then tags it does not. */
const RANGES: readonly (readonly [range: string, included: string, excluded: string])[] = [
  ['>= 3.12.0', '3.12.0 3.12 v3.13 4', '3.11.9 3.12.0-rc1 latest edge 20240101-x'],
  ['>=3.12', '3.12.0 3.12.1 4.0.0', '3.11 3'],
  ['=> 1.2, < 2', '1.2.0 1.9.9', '2.0.0 1.1'],
  ['>1.2', '1.3.0 2', '1.2.0 1.2.9'],
  ['>1', '2.0.0', '1.0.0 1.9'],
  ['> 1.2.3', '1.2.4', '1.2.3'],
  ['<1.2', '1.1.9 0.1', '1.2.0 1.2'],
  ['<=1.2', '1.2.9 0.1', '1.3.0'],
  ['<= 1', '1.9.9', '2.0.0'],
  ['=< 1.2.3', '1.2.3', '1.2.4'],
  ['1.2.3', '1.2.3 v1.2.3 1.2.3+build', '1.2.4'],
  ['=1.2', '1.2.0 1.2.7', '1.3.0'],
  ['1', '1.0.0 1.9', '2.0.0 0.9'],
  ['1.x', '1.4', '2.0.0'],
  ['1.2.*', '1.2.4', '1.3.0'],
  ['*', '0.0.1 9', '1.2.3-alpha latest'],
  ['', '1', '1-rc'],
  ['!=1.2.3', '1.2.4', '1.2.3'],
  ['!=1.2', '1.3.0', '1.2.9'],
  ['!=4.x', '5.1.0', '4.1.0'],
  ['~1.2.3', '1.2.3 1.2.9', '1.2.2 1.3.0'],
  ['~>1.2', '1.2.9', '1.3.0'],
  ['~1', '1.9.9', '2.0.0'],
  ['^1.2.3', '1.2.3 1.9.9', '1.2.2 2.0.0'],
  ['^1.2', '1.9.9', '2.0.0 1.1'],
  ['^0.2.3', '0.2.9', '0.3.0 1.2.3'],
  ['^0.0.3', '0.0.3', '0.0.4'],
  ['^0.0', '0.0.9', '0.1.0'],
  ['^0', '0.9.9', '1.0.0'],
  ['^x', '7.0.0', 'x'],
  ['1.1 - 2', '1.1.1 2.9.9', '1.0.9 3.0.0'],
  ['1.5.0 - 4.5', '3.7.0 4.5.9', '4.6.0'],
  ['6.1 - 7.3, !=6.5.2', '6.5.1 7.3.9', '6.5.2 7.4'],
  ['>=5.4 <6 !=5.7.1 || >8', '5.7.2 9.0.0', '5.7.1 6.0.0 8.5.0'],
  ['>= 2.2.2 < 2.9 || => 4 < 4.2', '2.5.0 4.1', '2.9 4.2'],
  ['>=1.2.3-alpha.2', '1.2.3-alpha.2 1.2.3-alpha.10 1.2.3-beta 1.2.3 2.0.0-rc', '1.2.3-alpha.1 1.2.3-alpha'],
  ['^1.2.0-alpha.0', '1.2.1-alpha.1 1.9.0', '2.0.0-alpha 1.1.9'],
  ['>=0.0.0-0', '1.2.3 3.4.5-beta.1', 'latest'],
  ['>= 7.0.0-0 <= 7.5.0', '7.0.1-beta', '7.5.1'],
  ['>=1.0.0-1', '1.0.0-2 1.0.0-10 1.0.0-a', '1.0.0-0'],
]

describe('a version range', () => {
  for (const [range, included, excluded] of RANGES) {
    it(`${JSON.stringify(range)} includes ${included}, but not ${excluded}`, () => {
      const accepts = parseSemverRange(range)
      assert.ok(accepts !== undefined)
      const tags = (text: string): string[] => text.split(' ')
      assert.deepEqual(
        tags(included).filter((tag) => !accepts(tag)),
        [],
      )
      assert.deepEqual(tags(excluded).filter(accepts), [])
    })
  }

  for (const text of [
    'foo',
    '>= bar',
    'stable >= 3',
    '3.2.1.0',
    '1.2.3~ 1',
    '>=',
    '1 | 2',
    '1,,2',
    '>1.2 &&',
    '01.2',
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(parseSemverRange(text), undefined)
    })
  }

  it('takes no tag for a version that semver would not', () => {
    const accepts = parseSemverRange('>=0')
    for (const tag of ['', 'v', '1.', '01.2', '1.02', '1.2.3.4', '1.2.3-', '1_2', 'x1', `1.${'9'.repeat(16)}`]) {
      assert.equal(accepts?.(tag), false, tag)
    }
  })

  it('reads a long text in time that grows with its length', () => {
    const started = performance.now()
    parseSemverRange(`${'>=1.2.3 '.repeat(20_000)}!`)
    parseSemverRange(`1.2.3${'-a'.repeat(50_000)}!`)
    assert.ok(performance.now() - started < 5_000)
  })
})
