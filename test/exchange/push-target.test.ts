import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { namesOf, targetOf } from '../../src/exchange/push-target.js'
import { formatReference, parseReference } from '../../src/oci/reference.js'
import { anImage } from '../support/an-image.js'

const { root, platforms } = await anImage({ platforms: ['linux/amd64', 'linux/arm/v7', 'windows/amd64'] })
const manifests = new Map([...platforms].map(([name, { manifest }]) => [name, manifest]))

function throws(run: () => unknown, code: ErrorCode): void {
  assert.throws(run, (error) => isHearthError(error, code))
}

describe('targetOf', () => {
  it('takes the name that was given, else the image’s own', () => {
    assert.equal(formatReference(targetOf('docker.io/library/a:1', undefined)), 'docker.io/library/a:1')
    assert.equal(formatReference(targetOf('short', 'reg.example/a')), 'reg.example/a:latest')
  })

  it('does not guess what a name means that another tool gave', () => {
    for (const name of ['short', 'a:1', '@sha256:abc', 'NOT A NAME', ''])
      throws(() => targetOf(name, undefined), 'REFERENCE_INVALID')
  })
})

describe('namesOf', () => {
  const named = (text: string, with_ = new Map()) => namesOf(parseReference(text), root, with_).map(({ name }) => name)

  it('gives the platforms’ names before the image’s own', () => {
    assert.deepEqual(named('reg.example/a:1', manifests), ['1-amd64', '1-armv7', '1-windows-amd64', '1'])
    assert.deepEqual(named('reg.example/a:1'), ['1'])
    assert.deepEqual(named(`reg.example/a@${root.digest}`, manifests), [root.digest])
    assert.deepEqual(named(`reg.example/a:1@${root.digest}`), ['1'])
  })

  it('refuses a digest that is another image’s, and tags that get too long', () => {
    const other = platforms.get('linux/amd64')?.config.digest
    throws(() => named(`reg.example/a:1@${other}`), 'DIGEST_MISMATCH')
    throws(() => named(`reg.example/a:${'x'.repeat(125)}`, manifests), 'REFERENCE_INVALID')
  })
})
