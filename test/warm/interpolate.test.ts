// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such text is what is tested.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { interpolate } from '../../src/warm/interpolate.js'

const ENV = { TAG: '7', EMPTY: '', OTHER: '$TAG', toString_: 'x' }
const place = { file: 'compose.yml', line: 3, column: 12 }
const expand = (text: string): string => interpolate({ kind: 'text', place, text }, ENV).text

describe('interpolation', () => {
  const CASES: Readonly<Record<string, string>> = {
    plain: 'plain',
    'redis:$TAG': 'redis:7',
    'redis:${TAG}-alpine': 'redis:7-alpine',
    $TAG$TAG: '77',
    'cost: $$5, $${TAG}': 'cost: $5, ${TAG}',
    '${EMPTY}': '',
    '${EMPTY:-default}': 'default',
    '${EMPTY-default}': '',
    '${UNSET-default}': 'default',
    '${UNSET:-a}${UNSET:-b}': 'ab',
    '${UNSET:-${ALSO_UNSET:-${TAG}}}.x': '7.x',
    '${TAG:+set}': 'set',
    '${EMPTY:+set}': '',
    '${EMPTY+set}': 'set',
    '${UNSET+set}': '',
    '${TAG:?must be set}': '7',
    '${EMPTY?must be set}': '',
    '${UNSET:-registry:5000/a-b?c}': 'registry:5000/a-b?c',
    $OTHER: '$TAG',
  }
  for (const [text, expanded] of Object.entries(CASES)) {
    it(`makes ${JSON.stringify(expanded)} of ${JSON.stringify(text)}`, () => {
      assert.equal(expand(text), expanded)
    })
  }

  const REFUSED = [
    '$UNSET',
    '${UNSET}',
    '${UNSET:?why}',
    '${EMPTY:?why}',
    '${TAG',
    '${TAG:-${}',
    '${}',
    '${1}',
    '${TAG!x}',
    'a $ b',
    '$',
  ]
  for (const text of REFUSED) {
    it(`refuses ${JSON.stringify(text)}, and says where it stands`, () => {
      assert.throws(
        () => expand(text),
        (error) => isHearthError(error, 'INPUT_INVALID') && error.details.line === 3 && error.details.column === 12,
      )
    })
  }

  it('does not take what every object has for a variable', () => {
    assert.throws(() => expand('${toString}'))
    assert.equal(expand('${constructor:-x}'), 'x')
  })

  it('ends on nesting that nobody writes', () => {
    assert.throws(() => expand(`${'${X:-'.repeat(10_000)}${'}'.repeat(10_000)}`))
  })

  it('leaves the place as it is', () => {
    assert.deepEqual(interpolate({ kind: 'text', place, text: '$TAG' }, ENV).place, place)
  })
})
