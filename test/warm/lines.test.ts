import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { looksLikeLines } from '../../src/warm/lines.js'

describe('looksLikeLines', () => {
  for (const text of [
    '',
    'alpine',
    'alpine:3 # a: b',
    '# a: b\n# - c',
    'localhost:5000/x@sha256:a',
    'a linux/arm64,all',
    '-a',
  ]) {
    it(`is true of ${JSON.stringify(text)}`, () => assert.equal(looksLikeLines(text), true))
  }
  for (const text of [
    'a: b',
    'a:',
    'x\ny:\n',
    '- a',
    '---',
    '--- # x',
    '{',
    '{"a":1}',
    '[]',
    '"a"',
    '&a b',
    '%YAML 1.2',
    'a:\r\n',
  ]) {
    it(`is false of ${JSON.stringify(text)}`, () => assert.equal(looksLikeLines(text), false))
  }
})
