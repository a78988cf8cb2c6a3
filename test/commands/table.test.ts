import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { table } from '../../src/commands/table.js'

describe('table', () => {
  it('aligns columns, numbers to the right, with nothing after the last cell', () => {
    assert.deepEqual(
      table(
        [
          ['NAME', 'SIZE', 'NOTE'],
          ['a', '10', ''],
          ['longer', '9', 'x'],
        ],
        [1],
      ),
      ['NAME    SIZE  NOTE', 'a         10', 'longer     9  x'],
    )
  })

  it('aligns by columns on the screen, not by characters', () => {
    assert.deepEqual(
      table([
        ['图像', 'x'],
        ['abcd', 'y'],
      ]),
      ['图像  x', 'abcd  y'],
    )
  })

  it('makes every cell printable', () => {
    assert.deepEqual(table([['a\u001b[2J', '\u202eb']]), ['a\\u001b[2J  \\u202eb'])
  })

  it('is empty without rows', () => {
    assert.deepEqual(table([]), [])
  })
})
