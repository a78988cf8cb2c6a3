import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderList } from '../../src/commands/ls.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'

const digest = await digestBytes(Buffer.from('root'))
const listed = { reference: 'docker.io/library/alpine:3', digest, mediaType: OCI_INDEX, pinned: false }

describe('the list of references', () => {
  it('is a table with the size aligned to the right', () => {
    const { lines, exitCode } = renderList([
      { ...listed, platforms: ['linux/amd64', 'linux/arm64/v8'], size: 7_000_000 },
      { ...listed, reference: 'ghcr.io/a/b:1', platforms: ['linux/amd64'], size: 10, pinned: true },
    ])
    assert.deepEqual(lines, [
      `REFERENCE                   DIGEST${' '.repeat(digest.length - 6)}  PLATFORMS                      SIZE  PINNED`,
      `docker.io/library/alpine:3  ${digest}  linux/amd64,linux/arm64/v8  6.7 MiB`,
      `ghcr.io/a/b:1               ${digest}  linux/amd64                    10 B  yes`,
    ])
    assert.equal(exitCode, 0)
  })

  it('shows - for what is not known of a name that another tool wrote, and escapes the name', () => {
    const { lines } = renderList([{ ...listed, reference: 'evil\u001b]0;x\u0007', platforms: [] }])
    assert.match(lines[1] ?? '', /^evil\\u001b\]0;x\\u0007 .* {2}- {13}-$/)
  })

  it('has a heading even when it is empty', () => {
    assert.deepEqual(renderList([]).lines, ['REFERENCE  DIGEST  PLATFORMS  SIZE  PINNED'])
  })

  it('is a document with the references, unchanged', () => {
    const references = [{ ...listed, platforms: [] }]
    assert.deepEqual(renderList(references).document, { references })
  })
})
