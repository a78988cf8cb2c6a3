/** Archives that were made to do harm: each is refused, and afterwards the cache and all around it is as it was before. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Cache } from '../../src/api.js'
import { openCache } from '../../src/cache.js'
import type { ErrorCode } from '../../src/errors.js'
import { encodeHeader } from '../../src/exchange/tar-writer.js'
import type { Descriptor } from '../../src/oci/descriptor.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { blobPath, OCI_LAYOUT_BYTES, REFERRER_OF } from '../../src/oci/image-layout.js'
import { DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.js'
import { referrersTag } from '../../src/oci/referrer.js'
import { aRawImage, documentOf } from '../support/a-raw-image.js'
import {
  type ArchiveEntry,
  archiveOf,
  blobEntries,
  dockerEntries,
  dockerParts,
  indexOf,
  namedRoot,
  ociEntries,
} from '../support/an-archive.js'
import { anArtifact } from '../support/an-artifact.js'
import { anImage } from '../support/an-image.js'
import { tarHeader } from '../support/tar.js'
import { tempDir } from '../support/temp-dir.js'

const NAME = 'docker.io/library/app:1'
const image = await anImage({ seed: 'app', layers: [{ compression: 'none' }, { compression: 'none', bytes: 5000 }] })
const other = await anImage({ seed: 'other' })
const absent = await anImage({ seed: 'absent' })
const good = ociEntries({ [NAME]: image })
const docker = dockerParts(image)
const layer = image.platforms.get('linux/amd64')?.layers[0] ?? assert.fail()
const HEX = 'a'.repeat(64)

/** The good archive with one more entry, at its end or at its beginning. */
const withEntry = (entry: ArchiveEntry) => archiveOf([...good, entry])
const withFirst = (entry: ArchiveEntry) => archiveOf([entry, ...good])
/** The good archive with another index.json. */
const withIndex = (index: object | string, ...more: ArchiveEntry[]) =>
  archiveOf([['oci-layout', OCI_LAYOUT_BYTES], ['index.json', index], ...blobEntries(image), ...more])
const withRoot = async (document: object, mediaType = OCI_MANIFEST) => {
  const raw = await aRawImage(document, { mediaType, of: [image] })
  return archiveOf(ociEntries({ [NAME]: raw }))
}
const withDocker = (...more: ArchiveEntry[]) => archiveOf([...dockerEntries(docker, [NAME]).slice(0, -1), ...more])
const manifestOf = (path: string) => [
  { Config: docker.configName, RepoTags: [NAME], Layers: [path, docker.layers[1]?.[0]] },
]
const config = documentOf(image)

type Case = readonly [what: string, code: ErrorCode, archive: () => Promise<Uint8Array>]

const PATHS: readonly Case[] = [
  ...['../escaped', '/tmp/hearth-escaped', 'blobs/../../escaped', 'a\\..\\b', 'C:/escaped', 'n'.repeat(4096)].map(
    (name): Case => [
      `a path that leads elsewhere: ${name.slice(0, 30)}`,
      'ARCHIVE_INVALID',
      () => withEntry([name, 'x']),
    ],
  ),
  ['a folder that leads elsewhere', 'ARCHIVE_INVALID', () => withEntry([{ name: '../escaped/', type: '5' }])],
  [
    'a blob of an algorithm that nobody can verify',
    'ARCHIVE_INVALID',
    () => withIndex(indexOf([{ ...namedRoot(image.root, NAME), digest: `md5:${HEX}` }]), [`blobs/md5/${HEX}`, 'x']),
  ],
]

const LINKS: readonly Case[] = [
  ...(['1', '2'] as const).flatMap((type): Case[] => [
    [
      'a link in place of a blob',
      'ARCHIVE_INVALID',
      () => withEntry([{ name: `blobs/sha256/${HEX}`, type, linkName: '/etc/passwd' }]),
    ],
    [
      'a link below blobs/ whose name is no digest',
      'ARCHIVE_INVALID',
      () => withEntry([{ name: `blobs/sha256/._${HEX}`, type, linkName: '/etc/passwd' }]),
    ],
    [
      'a link in place of index.json',
      'ARCHIVE_INVALID',
      () => withFirst([{ name: 'index.json', type, linkName: 'oci-layout' }]),
    ],
    [
      'a layer that links out of the archive',
      'ARCHIVE_INVALID',
      () =>
        withDocker(
          [{ name: 'l/layer.tar', type, linkName: '../../etc/passwd' }],
          ['manifest.json', manifestOf('l/layer.tar')],
        ),
    ],
    [
      'a layer that links to an absolute path',
      'ARCHIVE_INVALID',
      () =>
        withDocker(
          [{ name: 'l/layer.tar', type, linkName: '/etc/passwd' }],
          ['manifest.json', manifestOf('l/layer.tar')],
        ),
    ],
    [
      'a layer that links to nothing',
      'ARCHIVE_INVALID',
      () =>
        withDocker([{ name: 'l/layer.tar', type, linkName: 'x.tar' }], ['manifest.json', manifestOf('l/layer.tar')]),
    ],
  ]),
  [
    'layers that link to one another',
    'ARCHIVE_INVALID',
    () =>
      withDocker(
        [{ name: 'a.tar', type: '2', linkName: 'b.tar' }],
        [{ name: 'b.tar', type: '2', linkName: 'a.tar' }],
        ['manifest.json', manifestOf('a.tar')],
      ),
  ],
  [
    'a file under the name of a link',
    'ARCHIVE_INVALID',
    () =>
      withDocker(
        [{ name: 'a.tar', type: '2', linkName: 'b.tar' }],
        ['a.tar', 'x'],
        ['manifest.json', manifestOf('a.tar')],
      ),
  ],
]

const KINDS: readonly Case[] = [
  ...['3', '4', '6', 'S', 'Z'].map(
    (type): Case => [`an entry of type ${type}`, 'ARCHIVE_INVALID', () => withEntry([{ name: 'dev', type }])],
  ),
  [
    'an owner beyond what can be counted',
    'ARCHIVE_INVALID',
    async () => Buffer.concat([overflowing(), await archiveOf(good)]),
  ],
]

const TWICE: readonly Case[] = [
  ['two of index.json', 'ARCHIVE_INVALID', () => withEntry(['index.json', indexOf([])])],
  ['two of index.json, written differently', 'ARCHIVE_INVALID', () => withEntry(['./index.json', indexOf([])])],
  [
    'two of manifest.json',
    'ARCHIVE_INVALID',
    () => withDocker(['manifest.json', manifestOf('x')], ['manifest.json', manifestOf('x')]),
  ],
  ['a blob, and then another of its name', 'DIGEST_MISMATCH', () => withEntry([blobPath(layer.digest), 'other'])],
  ['another of its name, and then a blob', 'DIGEST_MISMATCH', () => withFirst([blobPath(layer.digest), 'other'])],
  [
    'two names in index.json for different images',
    'ARCHIVE_INVALID',
    () => withIndex(indexOf([namedRoot(image.root, NAME), namedRoot(other.root, NAME)]), ...blobEntries(other)),
  ],
]

const BYTES: readonly Case[] = [
  [
    'a blob that is not its own',
    'DIGEST_MISMATCH',
    () =>
      archiveOf(
        good.map(([name, bytes]) => (name === blobPath(layer.digest) ? [name, 'rotten'] : [name, bytes ?? ''])),
      ),
  ],
  ['no archive', 'ARCHIVE_INVALID', async () => Buffer.from('hello')],
  ['nothing', 'ARCHIVE_INVALID', async () => Buffer.alloc(0)],
  ['an empty archive', 'ARCHIVE_INVALID', () => archiveOf([])],
  ['an archive of something else', 'ARCHIVE_INVALID', () => archiveOf([['etc/passwd', 'root']])],
  ['an archive that is cut off', 'ARCHIVE_INVALID', async () => (await archiveOf(good)).subarray(0, -2048)],
  ['a gzip stream that is cut off', 'ARCHIVE_INVALID', async () => gzipSync(await archiveOf(good)).subarray(0, -20)],
  [
    'a gzip stream with something after it',
    'ARCHIVE_INVALID',
    async () => Buffer.concat([gzipSync(await archiveOf(good)), Buffer.from('more')]),
  ],
  ['a gzip stream that grows a thousandfold', 'ARCHIVE_INVALID', async () => bomb()],
  [
    'a header that would fill the memory',
    'ARCHIVE_INVALID',
    async () => Buffer.concat([encodeHeader({ ...(await plainHeader()), type: 'x', size: 2 ** 33 })]),
  ],
]

const DOCUMENTS: readonly Case[] = [
  ['an index.json that is too large', 'ARCHIVE_INVALID', () => withIndex(' '.repeat(20 * 1024 * 1024 + 1))],
  [
    'a manifest.json that is too large',
    'ARCHIVE_INVALID',
    () => withDocker(['manifest.json', ' '.repeat(1024 * 1024 + 1)]),
  ],
  ['an index.json that is no JSON', 'ARCHIVE_INVALID', () => withIndex('{')],
  [
    'an index.json that names a member twice',
    'ARCHIVE_INVALID',
    () => withIndex('{"schemaVersion":2,"manifests":[],"manifests":[]}'),
  ],
  ['an index.json that is nested too deeply', 'ARCHIVE_INVALID', () => withIndex('['.repeat(100) + ']'.repeat(100))],
  [
    'a digest that leads elsewhere',
    'ARCHIVE_INVALID',
    () => withIndex(indexOf([{ ...image.root, digest: 'sha256:../../../escaped' }])),
  ],
  [
    'a layer digest that leads elsewhere',
    'MANIFEST_INVALID',
    () => withRoot({ ...config, layers: [{ ...layer, digest: 'sha256:../../x' }] }),
  ],
  [
    'a root whose size is wrong',
    'SIZE_MISMATCH',
    () => withIndex(indexOf([namedRoot({ ...image.root, size: 1 }, NAME)])),
  ],
  [
    'a layer whose size is wrong',
    'SIZE_MISMATCH',
    () => withRoot({ ...config, layers: [{ ...layer, size: layer.size + 1 }] }),
  ],
  [
    'a layer that is not there',
    'BLOB_UNKNOWN',
    () => withRoot({ ...config, layers: [{ ...layer, digest: `sha256:${HEX}` }] }),
  ],
  [
    'a root that is not there',
    'BLOB_UNKNOWN',
    () => withIndex(indexOf([namedRoot({ ...image.root, digest: other.root.digest }, NAME)])),
  ],
  [
    'an index without any of its platforms',
    'BLOB_UNKNOWN',
    () =>
      withRoot(
        {
          schemaVersion: 2,
          mediaType: OCI_INDEX,
          manifests: [{ ...absent.root, platform: { os: 'linux', architecture: 'amd64' } }],
        },
        OCI_INDEX,
      ),
  ],
  ['a manifest that is an index as well', 'MANIFEST_INVALID', () => withRoot({ ...config, manifests: [] })],
  ['a manifest under the type of an index', 'MANIFEST_INVALID', () => withRoot(config, DOCKER_INDEX)],
  ['an index that holds itself, level after level', 'MANIFEST_TOO_LARGE', () => deepIndex()],
  ['no marker', 'ARCHIVE_INVALID', () => archiveOf(good.slice(1))],
  [
    'a marker of another version',
    'ARCHIVE_INVALID',
    () => archiveOf([['oci-layout', '{"imageLayoutVersion":"9.0.0"}'], ...good.slice(1)]),
  ],
  [
    'a config that is not there',
    'ARCHIVE_INVALID',
    () => withDocker(['manifest.json', [{ Config: 'x.json', RepoTags: [NAME], Layers: [] }]]),
  ],
  [
    'a config path that leads elsewhere',
    'ARCHIVE_INVALID',
    () => withDocker(['manifest.json', [{ Config: '../../etc/passwd', RepoTags: [NAME], Layers: [] }]]),
  ],
  [
    'layers in another order',
    'DIGEST_MISMATCH',
    () => archiveOf(dockerEntries({ ...docker, layers: docker.layers.toReversed() }, [NAME])),
  ],
]

const NAMES: readonly Case[] = [
  ...['../x', 'a:b@c', 'x:\u001b[2J', 'app\u202e:1', `x:${'t'.repeat(129)}`, 'UPPER/case'].map(
    (name): Case => [
      `a name that is none: ${JSON.stringify(name.slice(0, 20))}`,
      'REFERENCE_INVALID',
      () => archiveOf(ociEntries({ [name]: image })),
    ],
  ),
  ['a tag that is none', 'REFERENCE_INVALID', () => archiveOf(dockerEntries(docker, ['a b']))],
  [
    "a name with another image's digest",
    'ARCHIVE_INVALID',
    () => archiveOf(ociEntries({ [`example.com/x@${other.root.digest}`]: image })),
  ],
]

const sbom = await anArtifact({ subject: image.root, blobs: [{ bytes: Buffer.from('sbom'), mediaType: 'text/spdx' }] })
const lonely = await anArtifact({ subject: absent.root })
const withReferrer = (entry: object, ...more: ArchiveEntry[]) =>
  withIndex(indexOf([namedRoot(image.root, NAME), entry]), ...more)
const claiming = (root: Descriptor, subject = image.root.digest) => ({
  ...root,
  annotations: { [REFERRER_OF]: subject },
})

const REFERRERS: readonly Case[] = [
  [
    'one that lacks what belongs to it',
    'BLOB_UNKNOWN',
    () => withReferrer(sbom.root, ...blobEntries(sbom).filter(([, bytes]) => `${bytes}` !== 'sbom')),
  ],
  ['one that is not there', 'OPTION_INVALID', () => withReferrer(sbom.root)],
  ['one of an image that is not there', 'OPTION_INVALID', () => withReferrer(lonely.root, ...blobEntries(lonely))],
  [
    'an image without a name, which claims to be one',
    'OPTION_INVALID',
    () => withReferrer(claiming(other.root), ...blobEntries(other)),
  ],
  [
    'a name of cosign’s that is none',
    'REFERENCE_INVALID',
    () => {
      const name = `../x:${referrersTag(image.root.digest)}.sig`
      return withReferrer(namedRoot(claiming(other.root), name), ...blobEntries(other))
    },
  ],
]

async function plainHeader() {
  return {
    name: 'x',
    type: '0',
    linkName: '',
    mode: 0,
    uid: 0,
    gid: 0,
    userName: '',
    groupName: '',
    size: 0,
    mtime: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    pax: new Map(),
  }
}

function overflowing(): Uint8Array {
  const block = Buffer.from(tarHeader('x', 0))
  block.set([0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 108)
  block.fill(0x20, 148, 156)
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  return block
}

/** 150 MiB of zeros. One gzip member of them alone reaches that ratio. */
function bomb(): Uint8Array {
  return gzipSync(Buffer.concat([tarHeader('x.tar', 150 * 1024 * 1024), Buffer.alloc(150 * 1024 * 1024)]), { level: 9 })
}

async function deepIndex(): Promise<Uint8Array> {
  const entries: ArchiveEntry[] = []
  let inner = image.root
  for (let level = 0; level < 12; level++) {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [inner] }))
    inner = { mediaType: OCI_INDEX, digest: await digestBytes(bytes), size: bytes.length }
    entries.push([blobPath(inner.digest), bytes])
  }
  return withIndex(indexOf([namedRoot(inner, NAME)]), ...entries)
}

describe('a hostile archive', () => {
  let folder: string
  let cache: Cache

  before(async () => {
    folder = await tempDir()
    await mkdir(join(folder, 'cache'))
    cache = await openCache({ path: join(folder, 'cache'), env: {} })
    const first = join(folder, 'first.tar')
    await writeFile(first, await archiveOf(ociEntries({ 'docker.io/library/kept:1': other })))
    const [result] = (await cache.import(first)).results
    assert.ok(result?.ok)
  })
  after(() => cache.close())

  let state: unknown
  beforeEach(async () => {
    state = await stateOf(folder)
  })

  async function refused(code: ErrorCode, archive: Uint8Array): Promise<void> {
    const path = join(folder, 'hostile.tar')
    await writeFile(path, archive)
    const [result] = (await cache.import(path)).results
    assert.equal(result?.ok === false && result.failure.code, code, JSON.stringify(result))
    assert.deepEqual(await stateOf(folder), state)
  }

  const GROUPS = { PATHS, LINKS, KINDS, TWICE, BYTES, DOCUMENTS, NAMES, REFERRERS }
  for (const [group, cases] of Object.entries(GROUPS)) {
    describe(`(${group.toLowerCase()})`, () => {
      for (const [what, code, archive] of cases) {
        it(`is refused: ${what}`, async () => refused(code, await archive()))
      }
    })
  }

  it('leaves nothing where only files below blobs/ are none: no name of theirs is a digest', async () => {
    const names = [`${HEX}0`, HEX.toUpperCase(), `._${HEX}`, `${HEX}.tar`, 'x'].map((name) => `blobs/sha256/${name}`)
    const path = join(folder, 'hostile.tar')
    await writeFile(
      path,
      await archiveOf([...good, ...[...names, `blobs/md5/${HEX}`].map((name) => [name, 'x'] as const)]),
    )
    const [result] = (await cache.import(path)).results
    assert.ok(result?.ok, JSON.stringify(result))
    const blobs = (await readdir(join(folder, 'cache/blobs'), { recursive: true })).filter((name) => name.includes('/'))
    assert.deepEqual(blobs.sort(), [...image.blobs, ...other.blobs].map(([digest]) => digest.replace(':', '/')).sort())
  })

  it('is all that was wrong with them: the archive that they were made of is taken', async () => {
    for (const entries of [good, dockerEntries(docker, ['docker.io/library/docker:1'])]) {
      const path = join(folder, 'hostile.tar')
      await writeFile(path, await archiveOf(entries))
      const [result] = (await cache.import(path)).results
      assert.ok(result?.ok, JSON.stringify(result))
    }
  })
})

/** Every file in and beside the cache, and what index.json says; the log's own files change by being opened. */
async function stateOf(folder: string): Promise<unknown> {
  const names = await readdir(folder, { recursive: true })
  const files = names.filter((name) => !/hostile\.tar$|\/log\/|\/leases\/|log\.lock$/.test(name)).sort()
  return { files, index: await readFile(join(folder, 'cache/index.json'), 'utf8') }
}
