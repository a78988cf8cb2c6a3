import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { type NamingOptions, nameImages } from '../../src/exchange/import-names.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_MANIFEST } from '../../src/oci/media-type.js'

const digests = await Promise.all(['a', 'b'].map((text) => digestBytes(Buffer.from(text))))
const root = (at: number) => ({ mediaType: OCI_MANIFEST, digest: digests[at] ?? assert.fail(), size: 1 })
const image = (at: number, ...names: string[]) => ({ root: root(at), names })
const namesOf = (images: ReturnType<typeof image>[], options: NamingOptions = {}) => [
  ...nameImages(images, options).keys(),
]
const refused = (code: ErrorCode, images: ReturnType<typeof image>[], options: NamingOptions = {}) =>
  assert.throws(
    () => namesOf(images, options),
    (error) => isHearthError(error, code),
    JSON.stringify(images),
  )

describe('the names of imported images', () => {
  it('are those of the source in canonical form', () => {
    assert.deepEqual(namesOf([image(0, 'alpine:3', 'ghcr.io/a/b:1'), image(1, 'x/y')]), [
      'docker.io/library/alpine:3',
      'ghcr.io/a/b:1',
      'docker.io/x/y:latest',
    ])
  })

  it('come after a prefix', () => {
    const names = namesOf([image(0, 'docker.io/library/alpine:3', '3.19'), image(1)], { prefix: 'example.com/m' })
    assert.deepEqual(names, [
      'example.com/m/docker.io/library/alpine:3',
      'example.com/m:3.19',
      `example.com/m@${digests[1]}`,
    ])
    assert.deepEqual(namesOf([image(0, 'a/b:1')], { prefix: 'example.com/m/' }), ['example.com/m/a/b:1'])
  })

  it('may be another one for a single image, whatever it is called', () => {
    assert.deepEqual(namesOf([image(0, 'latest')], { name: 'app:1' }), ['docker.io/library/app:1'])
    assert.deepEqual(namesOf([image(0), image(0, 'b:1')], { name: 'app:1' }), ['docker.io/library/app:1'])
    refused('OPTION_INVALID', [image(0, 'a/b'), image(1, 'c/d')], { name: 'app:1' })
    refused('OPTION_INVALID', [], { name: 'app:1' })
  })

  it('are never made up: an image without one, or with a tag alone, is refused', () => {
    refused('OPTION_INVALID', [image(0, 'a/b'), image(1)])
    refused('OPTION_INVALID', [image(0, 'latest')])
  })

  it('are refused when they are none, when they hold another digest, and when two images share one', () => {
    for (const name of ['a:b@c', '../x', 'A/b:1', 'x/y:\u202e', 'x/y:\u001b[2J', `x/y:${'t'.repeat(129)}`, 'a b/c']) {
      refused('REFERENCE_INVALID', [image(0, name)])
    }
    refused('ARCHIVE_INVALID', [image(0, `x/y@${digests[1]}`)])
    assert.deepEqual(namesOf([image(1, `x/y@${digests[1]}`)]), [`docker.io/x/y@${digests[1]}`])
    refused('ARCHIVE_INVALID', [image(0, 'alpine:3'), image(1, 'docker.io/library/alpine:3')])
  })
})
