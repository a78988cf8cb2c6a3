import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Located } from '../../src/warm/located.js'
import { parseYaml } from '../../src/warm/yaml-documents.js'
import { placeOfError } from './parse.js'

/** Without places. */
function plain(located: Located): unknown {
  switch (located.kind) {
    case 'text':
      return located.text
    case 'null':
      return null
    case 'list':
      return located.items.map(plain)
    default:
      return Object.fromEntries([...located.entries].map(([name, { value }]) => [name, plain(value)]))
  }
}

const parse = async (text: string): Promise<unknown[]> => parseYaml(text, 'x.yml').map(plain)
const failsAt = (text: string): Promise<string> => placeOfError(parse(text))

describe('YAML documents', () => {
  it('keep scalars as they were written', async () => {
    assert.deepEqual(await parse('a: 1.10\nb: 0x1F\nc: "1.0"\nd: yes\ne: true\nf: ~\ng:\nh: 2024-01-01'), [
      { a: '1.10', b: '0x1F', c: '1.0', d: 'yes', e: 'true', f: null, g: null, h: '2024-01-01' },
    ])
  })

  it('know where each value and key stands', async () => {
    const [document] = parseYaml('a:\n  - x\n  - {k: v}\n', 'x.yml')
    assert.ok(document?.kind === 'map')
    const list = document.entries.get('a')
    assert.ok(list?.value.kind === 'list')
    assert.deepEqual(list.place, { file: 'x.yml', line: 1, column: 1 })
    const [first, second] = list.value.items
    assert.deepEqual(first?.place, { file: 'x.yml', line: 2, column: 5 })
    assert.ok(second?.kind === 'map')
    assert.deepEqual(second.entries.get('k')?.value.place, { file: 'x.yml', line: 3, column: 9 })
  })

  it('take what Compose resets for left out, and what overrides as if it had no tag', async () => {
    const text =
      'a: !reset null\nb: !reset {x: &x 1}\nc: !override [1]\nd: !override null\ne: !override "null"\nf: *x\n'
    assert.deepEqual(await parse(text), [{ a: null, b: null, c: ['1'], d: null, e: 'null', f: '1' }])
  })

  it('resolve an alias to the last anchor before it', async () => {
    assert.deepEqual(await parse('a: &x 1\nb: *x\nc: &x 2\nd: *x\n'), [{ a: '1', b: '1', c: '2', d: '2' }])
    assert.equal(await failsAt('a: *x\nb: &x 1\n'), '1:4')
  })

  it('refuse an alias to what it stands in', async () => {
    assert.equal(await failsAt('a: &x [*x]\n'), '1:8')
  })

  it('do not share anchors among themselves', async () => {
    assert.equal(await failsAt('a: &x 1\n---\nb: *x\n'), '3:4')
  })

  it('merge maps at <<, where nothing else is said', async () => {
    assert.deepEqual(await parse('x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {b: 0, <<: [*x, *y]}\nw: {"<<": 1}\n'), [
      { x: { a: '1', b: '2' }, y: { b: '3', c: '4' }, z: { b: '0', a: '1', c: '4' }, w: { '<<': '1' } },
    ])
    assert.equal(await failsAt('a:\n  <<: text\n'), '2:7')
  })

  it('refuse a key that occurs twice, or is no text', async () => {
    assert.equal(await failsAt('a: 1\nb: 2\n"a": 3\n'), '3:1')
    assert.equal(await failsAt('? [a]\n: 1\n'), '1:3')
  })

  it('stay small when aliases of aliases would not', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level <= 9; level++) {
      lines.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      )
    }
    assert.equal(await failsAt(lines.join('\n')), '7:9')
  })

  it('refuse nesting that no file needs, however deep it is', async () => {
    for (const depth of [102, 50_000]) assert.match(await failsAt('['.repeat(depth) + ']'.repeat(depth)), /^1:/)
    await parse('['.repeat(101) + ']'.repeat(101))
  })

  it('take many keys in one map without comparing each with all others', async () => {
    const text = Array.from({ length: 20_000 }, (_, number) => `k${number}: v`).join('\n')
    const started = performance.now()
    await parse(text)
    assert.ok(performance.now() - started < 10_000)
  })

  it('leave out what is empty', async () => {
    assert.deepEqual(await parse('---\n---\na: 1\n---\n# end\n'), [{ a: '1' }])
    assert.deepEqual(await parse('# nothing\n'), [])
  })
})
