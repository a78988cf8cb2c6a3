import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digestBytes } from '../../src/oci/hasher.js'
import { contentUrl, repositoryOf } from '../../src/registry/endpoint-url.js'
import { endpointsFor, parseMirrors } from '../../src/registry/mirrors.js'

const NONE = { plainHttpHosts: [] }
const [hub] = endpointsFor('docker.io', [], NONE)
const [folder] = endpointsFor('docker.io', parseMirrors(['https://m.example/hub'], NONE), NONE)

describe('contentUrl', () => {
  it('names a manifest by tag and a blob by digest', async () => {
    const digest = await digestBytes(new Uint8Array())
    assert.equal(
      contentUrl(hub, 'library/redis', 'manifests', '7').href,
      'https://registry-1.docker.io/v2/library/redis/manifests/7',
    )
    assert.equal(
      contentUrl(hub, 'library/redis', 'blobs', digest).href,
      `https://registry-1.docker.io/v2/library/redis/blobs/${digest}`,
    )
  })

  it("puts a mirror's folder before the repository", () => {
    assert.equal(
      contentUrl(folder as never, 'library/redis', 'manifests', '7').href,
      'https://m.example/v2/hub/library/redis/manifests/7',
    )
  })

  it('encodes what would leave its segment', () => {
    assert.equal(contentUrl(hub, 'a', 'manifests', 'x/../y?z#\r\n').pathname, '/v2/a/manifests/x%2F..%2Fy%3Fz%23%0D%0A')
  })

  it('refuses segments that mean another place', () => {
    for (const repository of ['', '..', 'a/../b', 'a//b', './a', '/a', 'a/']) {
      assert.throws(() => contentUrl(hub, repository, 'manifests', 'x'), TypeError)
    }
  })
})

describe('repositoryOf', () => {
  it('finds the repository in the address of a blob', async () => {
    const digest = await digestBytes(new Uint8Array())
    assert.equal(repositoryOf(contentUrl(hub, 'a/blobs/b', 'blobs', digest)), 'a/blobs/b')
    assert.equal(repositoryOf(contentUrl(hub, 'a', 'manifests', 'x')), undefined)
  })
})
