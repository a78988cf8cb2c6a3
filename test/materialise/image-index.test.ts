import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { IndexEntry } from '../../src/log/decide.js'
import type { HearthEvent } from '../../src/log/events.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { parseIndex, parseIndexFile, renderedHead, renderIndex } from '../../src/materialise/image-index.js'
import {
  CONTAINERD_IMAGE_NAME,
  CONTENT_SIZE,
  LOG_HEAD,
  LOG_POSITION,
  PLATFORMS,
  REF_NAME,
} from '../../src/oci/image-layout.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { aDescriptorOf, aDigest, aLog, referenceSet } from '../support/a-log.js'

const HEAD = { position: 7, checksum: 'abc' }

describe('index.json as we render it', () => {
  it('is an image index of version 2 that says which record it accounts for', () => {
    const index = read(renderIndex(new Map(), HEAD))
    assert.deepEqual(index, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
      annotations: { [LOG_HEAD]: 'abc', [LOG_POSITION]: '7' },
    })
  })

  it('names an image for image-spec and for containerd, and says what is complete', () => {
    const [entry] = render(referenceSet('docker.io/library/app:1', { platforms: ['linux/amd64', 'linux/arm64/v8'] }))
    assert.deepEqual(entry, {
      ...aDescriptorOf('docker.io/library/app:1'),
      annotations: {
        [PLATFORMS]: 'linux/amd64,linux/arm64/v8',
        [CONTENT_SIZE]: '100',
        [CONTAINERD_IMAGE_NAME]: 'docker.io/library/app:1',
        [REF_NAME]: 'docker.io/library/app:1',
      },
    })
  })

  it('keeps everything else that the descriptor says', () => {
    const descriptor = aDescriptorOf('app:1', {
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      artifactType: 'text/plain',
      annotations: { note: 'x' },
    })
    const [entry] = render(referenceSet('app:1', { descriptor, platforms: [] }))
    assert.deepEqual(entry?.platform, descriptor.platform)
    assert.equal(entry?.artifactType, 'text/plain')
    assert.equal(entry?.annotations?.note, 'x')
  })

  it('gives an entry without a name none', () => {
    const reference = `@${aDigest('x')}`
    const { size: _, ...unread } = referenceSet(reference, { descriptor: aDescriptorOf('x'), platforms: [] })
    assert.deepEqual(render(unread), [aDescriptorOf('x')])
  })

  it('is the same for the same references, in whatever order they came', () => {
    const events = ['b', 'a', '@x', 'A', 'ä'].map((name) => referenceSet(name))
    const one = applyAll(emptyIndex, aLog(...events)).references
    const other = new Map([...one].reverse())
    assert.deepEqual(renderIndex(one, HEAD), renderIndex(other, HEAD))
    const names = read(renderIndex(one, HEAD)).manifests.map(({ annotations }) => annotations?.[REF_NAME])
    assert.deepEqual(names, ['A', 'a', 'b', 'ä', undefined])
  })

  it('gives its head back without being parsed as a whole', () => {
    const { references } = applyAll(emptyIndex, aLog(referenceSet('app:1')))
    assert.deepEqual(renderedHead(renderIndex(references, HEAD)), HEAD)
    assert.deepEqual(renderedHead(renderIndex(new Map(), HEAD)), HEAD)
    assert.equal(renderedHead(bytesOf({ manifests: [] })), undefined)
  })

  it('gives no head back when a byte of it has changed', () => {
    const bytes = renderIndex(new Map(), HEAD)
    const damaged = Buffer.from(bytes).toString().replace('"7"}', '"7"x')
    assert.equal(renderedHead(Buffer.from(damaged)), undefined)
    assert.equal(renderedHead(Buffer.from(`${damaged.slice(0, -2)}'}}`)), undefined)
  })
})

describe('index.json as we read it', () => {
  it('gives back what we rendered', () => {
    const annotations = { note: 'x' }
    const log = aLog(
      referenceSet('app:1'),
      referenceSet('app:2', { descriptor: aDescriptorOf('two', { annotations }), platforms: [] }),
      referenceSet(`@${aDigest('x')}`, { descriptor: aDescriptorOf('x'), platforms: [] }),
    )
    const { references, head } = applyAll(emptyIndex, log)
    const content = parseIndex(renderIndex(references, head))
    assert.deepEqual(content.head, head)
    assert.deepEqual(
      content.entries,
      log.map((event) => pickEntry(event as unknown as IndexEntry)),
    )
  })

  it('gives back which names are pinned, and takes that for no annotation of another tool', () => {
    const log = aLog(referenceSet('app:1'), referenceSet('app:2'), { type: 'ReferencePinned', reference: 'app:2' })
    const { references, head, pins } = applyAll(emptyIndex, log)
    const { entries } = parseIndex(renderIndex(references, head, pins))
    assert.deepEqual(
      entries.map(({ reference, pinned, descriptor }) => [reference, pinned, descriptor]),
      [
        ['app:1', undefined, aDescriptorOf('app:1')],
        ['app:2', true, aDescriptorOf('app:2')],
      ],
    )
  })

  it('takes what LinuxKit, skopeo and umoci write: a name, or none, and no media type above', () => {
    const entries = parse([
      { ...aDescriptorOf('a'), annotations: { [REF_NAME]: 'docker.io/library/a:1' } },
      {
        ...aDescriptorOf('b'),
        annotations: { [REF_NAME]: 'latest' },
        platform: { os: 'linux', architecture: 'arm64' },
      },
      aDescriptorOf('c'),
      { ...aDescriptorOf('d'), annotations: { note: 'x' } },
    ])
    assert.deepEqual(
      entries.map(({ reference }) => reference),
      ['docker.io/library/a:1', 'latest', `@${aDigest('c')}`, `@${aDigest('d')}`],
    )
    assert.deepEqual(entries[3]?.descriptor.annotations, { note: 'x' })
    assert.equal(parseIndex(bytesOf({ schemaVersion: 2, manifests: [] })).head, undefined)
  })

  it('takes the list that Go writes when there is nothing', () => {
    assert.deepEqual(parse(null), [])
    assert.deepEqual(parse(undefined), [])
  })

  it('takes the name that containerd knows where there is no other', () => {
    const names = { [CONTAINERD_IMAGE_NAME]: 'docker.io/library/a:1' }
    assert.equal(parse([{ ...aDescriptorOf('a'), annotations: names }])[0]?.reference, 'docker.io/library/a:1')
  })

  it('keeps a full name for containerd beside a short one', () => {
    const annotations = { [CONTAINERD_IMAGE_NAME]: 'docker.io/library/a:1', [REF_NAME]: '1' }
    assert.deepEqual(survivors([{ ...aDescriptorOf('a'), annotations }]), [{ ...aDescriptorOf('a'), annotations }])
  })

  it('loses no entry that shares its name with another, and no odd name', () => {
    const named = (name: string, content: string) => ({
      ...aDescriptorOf(content),
      annotations: { [CONTAINERD_IMAGE_NAME]: name, [REF_NAME]: name },
    })
    const odd = { ...aDescriptorOf('e'), annotations: { [REF_NAME]: '@odd' } }
    const manifests = [named('app:1', 'a'), named('app:1', 'b'), named('app:1', 'c'), named('app:2', 'b'), odd]
    const once = survivors(manifests)
    assert.equal(once.length, 5)
    assert.deepEqual(new Set(once.map(asText)), new Set(manifests.map(asText)))
    assert.deepEqual(survivors(once), once)
    assert.deepEqual(once[0], manifests[0])
  })

  it('counts an entry that is there twice once', () => {
    const entry = { ...aDescriptorOf('a'), annotations: { [REF_NAME]: 'a' } }
    assert.equal(parse([entry, entry, aDescriptorOf('b'), aDescriptorOf('b')]).length, 2)
  })

  it('believes no annotation of ours that makes no sense', () => {
    const annotations = { [REF_NAME]: 'a', [CONTENT_SIZE]: '1e999', [PLATFORMS]: ',,' }
    const [entry] = parse([{ ...aDescriptorOf('a'), annotations }])
    assert.deepEqual(entry, { reference: 'a', descriptor: aDescriptorOf('a'), platforms: [] })
    for (const position of ['-1', '1.5', 'x', '9'.repeat(20), 7]) {
      const index = { manifests: [], annotations: { [LOG_POSITION]: position, [LOG_HEAD]: 'abc' } }
      assert.equal(parseIndex(bytesOf(index)).head, undefined)
    }
  })

  const refused: readonly [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['no JSON', new TextEncoder().encode('{"manifests":[')],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['no object', bytesOf([])],
    ['another schema', bytesOf({ schemaVersion: 1, manifests: [] })],
    ['no list of manifests', bytesOf({ manifests: {} })],
    ['a manifest that is none', bytesOf({ manifests: [null] })],
    ['a digest that leads elsewhere', bytesOf({ manifests: [{ ...aDescriptorOf('a'), digest: 'sha256:../../x' }] })],
    ['a digest that cannot be verified', bytesOf({ manifests: [{ ...aDescriptorOf('a'), digest: 'md5:00' }] })],
    ['a negative size', bytesOf({ manifests: [{ ...aDescriptorOf('a'), size: -1 }] })],
    ['a size as text', bytesOf({ manifests: [{ ...aDescriptorOf('a'), size: '1' }] })],
    ['a name as a number', bytesOf({ manifests: [{ ...aDescriptorOf('a'), annotations: { [REF_NAME]: 1 } }] })],
  ]
  for (const [what, bytes] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseIndexFile(bytes),
        (error) => isHearthError(error, 'LAYOUT_INVALID'),
      )
    })
  }
})

interface Rendered {
  readonly manifests: readonly {
    readonly annotations?: Record<string, string>
    readonly platform?: unknown
    readonly artifactType?: string
  }[]
}

function read(bytes: Uint8Array): Rendered {
  return JSON.parse(new TextDecoder().decode(bytes)) as Rendered
}

function bytesOf(index: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(index))
}

function render(...events: readonly HearthEvent[]): Rendered['manifests'] {
  return read(renderIndex(applyAll(emptyIndex, aLog(...events)).references, HEAD)).manifests
}

function parse(manifests: unknown): readonly IndexEntry[] {
  return parseIndexFile(bytesOf({ schemaVersion: 2, manifests }))
}

/** What is left of another tool's entries after we read and wrote them. */
function survivors(manifests: unknown): Rendered['manifests'] {
  const references = new Map(parse(manifests).map((entry) => [entry.reference, entry]))
  return read(renderIndex(references, HEAD)).manifests
}

function pickEntry({ reference, descriptor, platforms, size }: IndexEntry): IndexEntry {
  return { reference, descriptor, platforms, ...(size !== undefined && { size }) }
}

function asText(value: unknown): string {
  return JSON.stringify(value)
}
