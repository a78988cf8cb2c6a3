import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  liveDisplay,
  type ProgressSource,
  plainDisplay,
  redraw,
  silentDisplay,
} from '../../src/commands/progress-display.js'

/** Shows the lines it was last given; remarks on lines that begin with "!". */
function aSource(): ProgressSource<string> & { lines: string[] } {
  const source = {
    lines: [] as string[],
    apply: (event: string) => {
      source.lines = event.split('|')
    },
    frame: (_: number, rows: number) => source.lines.slice(0, rows),
    remarks: (event: string) => (event.startsWith('!') ? [event] : []),
    record: () => undefined,
    totals: () => undefined,
  }
  return source
}

/** What a terminal shows after ANSI text as `redraw` writes it: the only sequences known are the ones it may use. */
function terminal(): { write(text: string): void; screen(): string[] } {
  let rows = ['']
  let row = 0
  return {
    write(text) {
      for (const [part] of text.replaceAll('\u001b', '⎋').matchAll(/⎋\[\d*[A-Z]|\n|[^⎋\n]+/g)) {
        const up = /^⎋\[(\d+)A$/.exec(part)
        if (up !== null) row -= Number(up[1])
        else if (part === '\n') row += 1
        else if (part === '⎋[K') continue
        else if (part === '⎋[J') rows = rows.slice(0, row)
        else {
          assert.ok(!part.startsWith('⎋'), JSON.stringify(part))
          rows[row] = part
        }
        assert.ok(row >= 0, 'above the first line')
      }
    },
    screen: () => rows,
  }
}

describe('the live display', () => {
  it('replaces what it drew before, whether there is more or less of it now', () => {
    const display = liveDisplay(aSource(), () => ({ columns: 20, rows: 10 }))
    const { write, screen } = terminal()
    for (const lines of ['a|b', 'a|c|d', 'e', 'f|g']) {
      write(display.event(lines, 0))
      write(display.tick(0))
      assert.deepEqual(screen(), lines.split('|'))
    }
    write(display.end())
    assert.deepEqual(screen(), [])
    assert.equal(display.end(), '')
  })

  it('writes exactly this', () => {
    const display = liveDisplay(aSource(), () => ({ columns: 20, rows: 10 }))
    display.event('a|b', 0)
    assert.equal(display.tick(0), 'a\u001b[K\nb\u001b[K\n\u001b[J')
    assert.equal(display.tick(0), '\u001b[2Aa\u001b[K\nb\u001b[K\n\u001b[J')
  })

  it('is lower than the window and as wide at most, also when that shrinks', () => {
    let size = { columns: 10, rows: 4 }
    const display = liveDisplay(aSource(), () => size)
    display.event('0123456789abc|2|3|4|5', 0)
    assert.equal(display.tick(0), '012345678…\u001b[K\n2\u001b[K\n3\u001b[K\n\u001b[J')
    size = { columns: 5, rows: 3 }
    // The first line, ten columns, stands in two rows now.
    assert.equal(display.tick(0), '\u001b[4A0123…\u001b[K\n2\u001b[K\n\u001b[J')
    size = { columns: 5, rows: 1 }
    assert.equal(display.tick(0), '\u001b[2A0123…\u001b[K\n\u001b[J')
  })

  it('writes nothing when it ends before it drew', () => {
    assert.equal(liveDisplay(aSource(), () => ({ columns: 5, rows: 5 })).end(), '')
  })
})

describe('the plain display', () => {
  it('adds remarks as they come', () => {
    const display = plainDisplay(aSource(), 0)
    assert.equal(display.event('!done', 10), '!done\n')
    assert.equal(display.event('a|b', 20), '')
  })

  it('adds the headline every five seconds', () => {
    const display = plainDisplay(aSource(), 0)
    display.event('a|b', 0)
    assert.equal(display.tick(4999), '')
    assert.equal(display.tick(5000), 'a\n')
    display.event('c', 5001)
    assert.equal(display.tick(9999), '')
    assert.equal(display.tick(10_000), 'c\n')
  })

  it('repeats a headline that has not changed once a minute only', () => {
    const display = plainDisplay(aSource(), 0)
    display.event('a', 0)
    assert.equal(display.tick(5000), 'a\n')
    const told: number[] = []
    for (let nowMs = 10_000; nowMs <= 130_000; nowMs += 100) if (display.tick(nowMs) !== '') told.push(nowMs)
    assert.deepEqual(told, [65_000, 125_000])
  })

  it('holds no escape sequence and leaves everything at the end', () => {
    const display = plainDisplay(aSource(), 0)
    assert.ok(!(display.event('!x', 0) + display.tick(6000)).includes('\u001b'))
    assert.equal(display.end(), '')
  })
})

describe('the silent display', () => {
  it('writes nothing but keeps its source up to date', () => {
    const source = aSource()
    const display = silentDisplay(source)
    assert.equal(display.event('!a|b', 0) + display.tick(10_000) + display.end(), '')
    assert.deepEqual(source.lines, ['!a', 'b'])
  })
})

describe('redraw', () => {
  it('counts the rows that a wrapped line takes', () => {
    assert.equal(redraw(['x'.repeat(11), ''], [], 5), '\u001b[4A\u001b[J')
  })
})
