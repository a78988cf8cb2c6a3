import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderInspection } from '../../src/commands/inspect.js'
import type { InspectedNode } from '../../src/index.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { parsePlatform } from '../../src/oci/platform.js'

const digest = await digestBytes(Buffer.from('any'))

function node(
  kind: InspectedNode['kind'],
  mediaType: string,
  {
    present = true,
    platform,
    children = [],
  }: { present?: boolean; platform?: string; children?: InspectedNode[] } = {},
): InspectedNode {
  const descriptor = {
    mediaType,
    digest,
    size: 1024,
    ...(platform !== undefined && { platform: parsePlatform(platform) }),
  }
  return { kind, present, children, descriptor }
}

const layer = () => node('layer', OCI_LAYER_GZIP)
const manifest = (platform: string, present: boolean) =>
  node('manifest', OCI_MANIFEST, {
    platform,
    present,
    children: present ? [node('config', OCI_CONFIG), layer(), layer()] : [],
  })
const root = node('index', OCI_INDEX, { children: [manifest('linux/amd64', true), manifest('linux/arm64', false)] })

describe('the inspection of an image', () => {
  const sizes = { presentBytes: 5 * 1024, totalBytes: 6 * 1024 }
  const inspection = { reference: 'docker.io/library/alpine:3', root, ...sizes, referrers: [] }

  it('is a tree that says what is present and what is missing', () => {
    const row = (name: string, present: string, mediaType: string): string =>
      `${name.padEnd('└─ manifest linux/arm64/v8'.length)}  ${digest}  1.0 KiB  ${present.padEnd(7)}  ${mediaType}`
    assert.deepEqual(renderInspection(inspection).lines, [
      'docker.io/library/alpine:3',
      row('index', '✓', OCI_INDEX),
      row('├─ manifest linux/amd64', '✓', OCI_MANIFEST),
      row('│  ├─ config', '✓', OCI_CONFIG),
      row('│  ├─ layer', '✓', OCI_LAYER_GZIP),
      row('│  └─ layer', '✓', OCI_LAYER_GZIP),
      row('└─ manifest linux/arm64/v8', 'missing', OCI_MANIFEST),
      '5.0 KiB of 6.0 KiB present',
    ])
  })

  it('names what refers to the image', () => {
    const sbom = { reference: `@${digest}`, digest, mediaType: OCI_MANIFEST, subject: digest }
    const referrers = [
      { ...sbom, artifactType: 'application/sbom' },
      { ...sbom, reference: 'a:sha256-1.sig' },
    ]
    assert.deepEqual(renderInspection({ ...inspection, referrers }).lines.slice(-2), [
      `referred to by @${digest} (application/sbom)`,
      `referred to by a:sha256-1.sig (${OCI_MANIFEST})`,
    ])
  })

  it('is the report of the library as a document', () => {
    assert.deepEqual(renderInspection(inspection).document, inspection)
  })

  it('escapes names and types that came from outside', () => {
    const hostile = { ...inspection, reference: 'a\u001bb', root: node('opaque', 'text/\u202ex') }
    const [name, line] = renderInspection(hostile).lines
    assert.equal(name, 'a\\u001bb')
    assert.ok(line?.endsWith('text/\\u202ex'))
  })
})
