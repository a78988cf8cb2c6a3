import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { parseArchivedDiffIds, parseDockerManifest } from '../../src/exchange/docker-manifest.js'

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const refused = (parse: () => unknown) => assert.throws(parse, (error) => isHearthError(error, 'ARCHIVE_INVALID'))

describe('manifest.json', () => {
  it('lists images with config, tags and layers', () => {
    const list = [
      { Config: 'c.json', RepoTags: ['a:1'], Layers: ['l/layer.tar'], Parent: 'sha256:x' },
      { Config: 'd.json', RepoTags: null, Layers: null },
    ]
    assert.deepEqual(parseDockerManifest(bytes(list)), [
      { config: 'c.json', tags: ['a:1'], layers: ['l/layer.tar'] },
      { config: 'd.json', tags: [], layers: [] },
    ])
  })

  const BROKEN: readonly unknown[] = [
    ...['', 'x', '{}', '[]', '[1]', '[{}]', 'null', '[{"Config":"c","Config":"d"}]', '[{"config":"c","Layers":[]}]'],
    [{ Config: 1, Layers: [] }],
    [{ Config: 'c', Layers: 'l' }],
    [{ Config: 'c', Layers: [1] }],
    [{ Config: 'c', RepoTags: 'a:1', Layers: [] }],
    [{ Config: 'c', Layers: Array.from({ length: 10_001 }, () => 'l') }],
  ]
  for (const broken of BROKEN) {
    it(`is refused: ${JSON.stringify(broken).slice(0, 60)}`, () => refused(() => parseDockerManifest(bytes(broken))))
  }
})

describe('the config of an image', () => {
  const diffId = `sha256:${'a'.repeat(64)}`

  it('promises the digests of the layers', () => {
    assert.deepEqual(parseArchivedDiffIds(bytes({ rootfs: { type: 'layers', diff_ids: [diffId] }, os: 'linux' })), [
      diffId,
    ])
    assert.deepEqual(parseArchivedDiffIds(bytes({ rootfs: { type: 'layers', diff_ids: null } })), [])
  })

  it('is refused without them', () => {
    for (const config of [
      '',
      '[]',
      {},
      { rootfs: [] },
      { rootfs: { diff_ids: ['sha256:../../x'] } },
      { rootfs: { diff_ids: 1 } },
    ]) {
      refused(() => parseArchivedDiffIds(bytes(config)))
    }
  })
})
