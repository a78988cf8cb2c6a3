import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type HearthError, isHearthError } from '../../src/errors.js'
import { findReference } from '../../src/inventory/find-reference.js'
import { aDigest } from '../support/a-log.js'

const SEVEN = aDigest('redis 7')
const EIGHT = aDigest('redis 8')
const NAMES = new Map([
  ['docker.io/library/redis:7', SEVEN],
  ['docker.io/library/redis:8', EIGHT],
  ['docker.io/library/redis:latest', EIGHT],
  ['ghcr.io/mirror/redis:7', SEVEN],
  [`quay.io/app/web@${SEVEN}`, SEVEN],
  [`@${EIGHT}`, EIGHT],
  ['My Build', SEVEN],
  ['redis:edge', SEVEN],
])

function unknown(text: string): HearthError {
  try {
    findReference(text, NAMES)
  } catch (error) {
    if (isHearthError(error, 'REFERENCE_UNKNOWN')) return error
    throw error
  }
  throw new assert.AssertionError({ message: `${text} was found` })
}

describe('findReference', () => {
  it('takes a name as it is stored, even one that is no reference', () => {
    for (const name of NAMES.keys()) assert.equal(findReference(name, NAMES), name)
  })

  it('prefers the exact name to the one it stands for', () => {
    const both = new Map([...NAMES, ['docker.io/library/redis:edge', EIGHT] as const])
    assert.equal(findReference('redis:edge', both), 'redis:edge')
  })

  it('expands short names as a pull does', () => {
    assert.equal(findReference('redis:7', NAMES), 'docker.io/library/redis:7')
    assert.equal(findReference('redis', NAMES), 'docker.io/library/redis:latest')
    assert.equal(findReference('index.docker.io/library/redis:8', NAMES), 'docker.io/library/redis:8')
  })

  it('finds name@digest under whichever tag has that root', () => {
    assert.equal(findReference(`redis@${SEVEN}`, NAMES), 'docker.io/library/redis:7')
    assert.equal(findReference(`redis@${EIGHT}`, NAMES), 'docker.io/library/redis:8')
    assert.equal(findReference(`quay.io/app/web@${SEVEN}`, NAMES), `quay.io/app/web@${SEVEN}`)
  })

  it('finds name:tag@digest only while the tag has that root', () => {
    assert.equal(findReference(`redis:7@${SEVEN}`, NAMES), 'docker.io/library/redis:7')
    assert.ok(unknown(`redis:7@${EIGHT}`))
  })

  it('never takes the same digest in another repository', () => {
    assert.ok(unknown(`ghcr.io/other/redis@${SEVEN}`))
  })

  it('names the tags of the repository first, then look-alikes', () => {
    assert.equal(
      unknown('redis:6').details.similar,
      '"docker.io/library/redis:7", "docker.io/library/redis:8", "docker.io/library/redis:latest"',
    )
    assert.match(String(unknown('ghcr.io/mirror/redis:8').details.similar), /^"ghcr\.io\/mirror\/redis:7"/)
  })

  it('suggests nothing for a name that is like no other', () => {
    assert.equal(unknown('nginx').details.similar, undefined)
  })

  it('keeps control characters of names out of its message', () => {
    const control = String.fromCharCode(27)
    const stored = new Map([[`redis${control}[31m`, SEVEN]])
    assert.throws(
      () => findReference(`redis${control}[2J`, stored),
      (error) => isHearthError(error, 'REFERENCE_UNKNOWN') && !error.message.includes(control),
    )
  })
})
