import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reachable, type Successors, unneeded } from '../../src/log/reachable.js'
import type { Digest } from '../../src/oci/digest.js'
import { aDigest } from '../support/a-log.js'

const GRAPH: Readonly<Record<string, readonly string[]>> = {
  index: ['amd64', 'arm64', 'never fetched'],
  amd64: ['config 1', 'base', 'layer 1'],
  arm64: ['config 2', 'base', 'layer 2'],
  other: ['config 3', 'base'],
}

describe('what references need', () => {
  it('is everything below them, shared or not', () => {
    const names = ['index', 'amd64', 'arm64', 'never fetched', 'config 1', 'config 2', 'base', 'layer 1', 'layer 2']
    assert.deepEqual(reachable(digests('index'), successors(GRAPH)), new Set(digests(...names)))
  })

  it('is nothing without references', () => {
    assert.equal(reachable([], successors(GRAPH)).size, 0)
  })

  it('asks about each digest once', () => {
    const asked: Digest[] = []
    const counting: Successors = (digest) => {
      asked.push(digest)
      return successors(GRAPH)(digest)
    }
    reachable(digests('index', 'other', 'amd64'), counting)
    assert.equal(new Set(asked).size, asked.length)
  })

  it('ends on a graph that runs in a circle, as a hostile one may', () => {
    assert.equal(reachable(digests('a'), successors({ a: ['b'], b: ['a', 'b'] })).size, 2)
  })

  it('follows a chain of any depth', () => {
    const depth = 50_000
    const names = Array.from({ length: depth }, (_, n) => aDigest(`${n}`))
    const next = new Map(names.map((digest, n) => [digest, names.slice(n + 1, n + 2)]))
    assert.equal(reachable(names.slice(0, 1), (digest) => next.get(digest) ?? []).size, depth)
  })
})

describe('what nothing needs', () => {
  const blobs = new Map(['index', 'amd64', 'layer 1', 'old', 'older'].map((name) => [aDigest(name), { size: 10 }]))
  const needed = reachable(digests('index'), successors(GRAPH))

  it('is what no reference leads to', () => {
    const { digests: found, bytes } = unneeded(blobs, { needed, leased: new Set() })
    assert.deepEqual(found, digests('old', 'older').sort())
    assert.equal(bytes, 20)
  })

  it('never includes what a running pull counts on', () => {
    const { digests: found, bytes } = unneeded(blobs, { needed, leased: new Set(digests('old')) })
    assert.deepEqual(found, digests('older'))
    assert.equal(bytes, 10)
  })

  it('is everything when there is no reference left', () => {
    assert.equal(unneeded(blobs, { needed: new Set(), leased: new Set() }).digests.length, blobs.size)
  })
})

function digests(...names: readonly string[]): Digest[] {
  return names.map(aDigest)
}

function successors(graph: Readonly<Record<string, readonly string[]>>): Successors {
  const known = new Map(Object.entries(graph).map(([name, children]) => [aDigest(name), digests(...children)]))
  return (digest) => known.get(digest) ?? []
}
