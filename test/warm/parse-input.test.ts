import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { MAX_INPUT_BYTES, parseInput, parseLock } from '../../src/warm/parse-input.js'
import { parseFixture, parseText, placeOfError, readFixture, wantedIn } from './parse.js'

const hex = (digit: string): string => `sha256:${digit.repeat(64)}`

describe('inputs, recognised by their content', () => {
  it('reads a list of lines', async () => {
    assert.deepEqual(wantedIn(await parseFixture('images.txt')), [
      'docker.io/library/alpine:3.19',
      'docker.io/library/redis:7',
      'ghcr.io/acme/builder:2024.06 linux/amd64 linux/arm64/v8',
      `registry.example.com:5000/tools/lint@${hex('a')}`,
      'docker.io/library/redis:7',
    ])
  })

  it('reads a LinuxKit configuration', async () => {
    const names = wantedIn(await parseFixture('linuxkit.yml'))
    assert.deepEqual(
      names.map((name) => name.replace(/:[0-9a-f]{40}$/, '')),
      [
        'docker.io/linuxkit/kernel:6.6.13',
        'docker.io/linuxkit/init',
        'docker.io/linuxkit/runc',
        'docker.io/linuxkit/containerd',
        'docker.io/linuxkit/sysctl',
        'docker.io/linuxkit/dhcpcd',
        'docker.io/library/busybox:1.36',
        'docker.io/linuxkit/getty',
        'docker.io/linuxkit/sshd',
        'docker.io/library/nginx:1.25-alpine',
        'registry.example.com/models/base:3 linux/amd64 linux/arm64/v8',
      ],
    )
  })

  it('reads a Compose file', async () => {
    assert.deepEqual(wantedIn(await parseFixture('compose.yml', { env: { SHOP_TAG: '' } })), [
      'ghcr.io/acme/shop:1.10 linux/amd64',
      'docker.io/library/postgres:16.2',
      'docker.io/library/redis:7',
      'ghcr.io/acme/report:2 linux/arm64/v8',
      'ghcr.io/acme/fonts:1 linux/arm64/v8',
    ])
  })

  it('leaves what a Compose file builds in all of its services, if that is wanted or its pull policy says so', async () => {
    const text = [
      'services:',
      '  web: {build: ., image: web:1}',
      '  worker: {image: web:1}',
      '  tool: {build: ., image: tool:1, pull_policy: build}',
      '  test: {image: tool:1, volumes: [{type: image, source: tool:1}]}',
      '  odd: {build: ., image: "UPPER", pull_policy: build}',
      '  db: {image: redis:7}',
    ].join('\n')
    const [web, tool, db] = ['web:1', 'tool:1', 'redis:7'].map((name) => `docker.io/library/${name}`)
    const asCompose = await parseText(text)
    assert.deepEqual([wantedIn(asCompose), asCompose.built], [[web, web, db], [tool]])
    const without = await parseText(text, { ignoreBuildable: true })
    assert.deepEqual([wantedIn(without), without.built], [[db], [web, tool]])
  })

  it('finds no image in a Compose service that is built while its variable is empty', async () => {
    const text = (more: string): string =>
      `services:\n  web:\n    image: "\${IMAGE:-}"\n${more}  db:\n    image: redis:7\n`
    assert.deepEqual(wantedIn(await parseText(text('    build: .\n'))), ['docker.io/library/redis:7'])
    for (const more of ['', '    build:\n']) assert.equal(await placeOfError(parseText(text(more))), '3:12')
  })

  it('finds no image in what a Compose file resets', async () => {
    const text =
      'services:\n  a: {image: !reset null}\n  b: {image: !override "redis:7", volumes: !reset []}\n  c: !reset null\n'
    assert.deepEqual(wantedIn(await parseText(text)), ['docker.io/library/redis:7'])
  })

  it('reads Kubernetes manifests', async () => {
    assert.deepEqual(wantedIn(await parseFixture('kubernetes.yml')), [
      'registry.k8s.io/app/migrate:v0.4.1',
      'registry.k8s.io/app/api:v1.2.3',
      'docker.io/envoyproxy/envoy:v1.29-latest',
      'quay.io/app/data:2',
      `ghcr.io/acme/backup@${hex('b')}`,
      'registry.k8s.io/pause:3.9',
      'docker.io/library/busybox:1.36',
      'docker.io/library/postgres:16.2',
      'docker.io/fluent/fluent-bit:3.0',
      'docker.io/library/alpine:3.19',
      'docker.io/library/nginx:1.25',
      'ghcr.io/acme/canary:7',
    ])
  })

  it('passes over what is no image in Kubernetes resources that it does not know, and reads the rest of them', async () => {
    const foreign = (spec: string): string => `apiVersion: example.com/v1\nkind: Pod\nspec: ${spec}\n`
    const odd = [
      '{ containers: [{ image: { repository: a } }, { image: "{{inputs.image}}" }, { image: "redis:7" }] }',
      '{ containers: [{ name: a }], initContainers: [text], volumes: [{ image: { reference: [] } }, { image: text }] }',
      '{ containers: { image: [] }, items: [{ containers: [{ image: [] }] }] }',
    ]
    assert.deepEqual(wantedIn(await parseText(odd.map(foreign).join('---\n'))), ['docker.io/library/redis:7'])
    const [mapped = ''] = odd
    for (const [header, place] of [
      ['apiVersion: v1\nkind: Pod', '3:31'],
      ['apiVersion: apps/v1beta2\nkind: Deployment', '3:31'],
      ['apiVersion: v1\nkind: PodList', '3:31'],
    ] as const) {
      assert.equal(await placeOfError(parseText(`${header}\nspec: ${mapped}\n`)), place)
    }
  })

  it('does not pass over what is no container in a workload of Kubernetes itself', async () => {
    const spec = '{ containers: [{ name: a }], initContainers: [text] }'
    assert.equal(await placeOfError(parseText(`apiVersion: batch/v1\nkind: Job\nspec: ${spec}\n`)), '3:53')
  })

  it('takes a workload within a resource that it does not know for what it is', async () => {
    const pod = '{ apiVersion: v1, kind: Pod, spec: { containers: [{ image: [] }] } }'
    const work = `apiVersion: work.example/v1\nkind: ManifestWork\nspec: { manifests: [${pod}] }\n`
    assert.equal(await placeOfError(parseText(work)), '3:80')
  })

  it('reads skopeo sync YAML: what it names, and what only the tag list can tell', async () => {
    const { images, queries } = await parseFixture('skopeo-sync.yml')
    assert.deepEqual(wantedIn({ images }), [
      'registry.example.com/team/app:1.10',
      'registry.example.com/team/app:2.0',
      `registry.example.com/team/app@${hex('c')}`,
      'quay.io/acme/agent:stable',
    ])
    const tags = ['2.3-alpine', '2.5-alpine', '3.4', '3.3', 'v4']
    assert.deepEqual(
      queries.map(({ repository, accepts }) => [repository.repository, tags.filter(accepts)]),
      [
        ['tools/lint', tags],
        ['team/web', ['2.3-alpine']],
        ['team/api', ['3.4', 'v4']],
        ['acme/exporter', tags],
      ],
    )
  })

  it('reads a lock file, each image under its digest there', async () => {
    const { images } = await parseFixture('lock.json')
    assert.deepEqual(images, [
      { reference: 'docker.io/library/alpine:3.19', digest: hex('d') },
      { reference: 'registry.example.com/plain:1', digest: hex('f') },
    ])
  })

  it('reads the same out of JSON, as kubectl prints it', async () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [{ spec: { containers: [{ image: 'alpine' }] } }] }
    assert.deepEqual(wantedIn(await parseText(JSON.stringify(list))), ['docker.io/library/alpine:latest'])
  })

  it('takes an empty file for one without images', async () => {
    for (const text of ['', '\n', '# nothing yet\n', '---\n', '{}']) {
      const parsed = text === '{}' ? await parseText(text, { format: 'compose' }) : await parseText(text)
      assert.deepEqual(parsed, { images: [], queries: [], built: [] }, JSON.stringify(text))
    }
  })

  it('passes over a byte order mark and Windows line ends', async () => {
    assert.deepEqual(wantedIn(await parseText('\ufeffalpine:1\r\n# x\r\nredis:7\r\n')), [
      'docker.io/library/alpine:1',
      'docker.io/library/redis:7',
    ])
  })

  it('believes the user about the format', async () => {
    const text = 'services:\n  - image: alpine\n'
    assert.deepEqual(wantedIn(await parseText(text)), ['docker.io/library/alpine:latest'])
    assert.equal(await placeOfError(parseText(text, { format: 'compose' })), '2:3')
    assert.equal(await placeOfError(parseText(text, { format: 'lines' })), '1:1')
  })

  it('says where each image stands', async () => {
    const { images } = await parseText('# one\n  alpine:1\n')
    assert.deepEqual(images[0]?.place, { file: 'input', line: 2, column: 3 })
  })
})

describe('a broken input', () => {
  const PLACES: Readonly<Record<string, string>> = {
    'compose-tab.yml': '3:1',
    'compose-twice.yml': '5:3',
    'compose-variable.yml': '4:12',
    'images-capitals.txt': '3:1',
    'images-platform.txt': '2:20',
    'images-two-words.txt': '3:7',
    'kubernetes-indent.yml': '12:1',
    'kubernetes-template.yml': '7:14',
    'linuxkit-bracket.yml': '5:1',
    'linuxkit-service.yml': '5:5',
    'linuxkit-template.yml': '6:12',
    'lock-digest.json': '5:17',
    'lock-name.json': '4:5',
    'lock-torn.json': '5:1',
    'lock-version.json': '2:14',
    'skopeo-regex.yml': '4:13',
    'skopeo-repository.yml': '4:5',
    'skopeo-semver.yml': '4:13',
    'unknown.yml': '2:1',
  }

  it('is tested for every file in broken/', async () => {
    const folder = new URL('../../../test/fixtures/warm/broken/', import.meta.url)
    assert.deepEqual((await readdir(folder)).sort(), Object.keys(PLACES).sort())
  })

  for (const [name, place] of Object.entries(PLACES)) {
    it(`says where and why: ${name}`, async () => {
      assert.equal(await placeOfError(parseFixture(`broken/${name}`)), place)
    })
  }

  it('is named in the message as well as in the details', async () => {
    await assert.rejects(parseFixture('broken/unknown.yml'), (error) => {
      assert.ok(isHearthError(error, 'INPUT_INVALID'))
      assert.equal(error.details.file, 'broken/unknown.yml')
      return error.message.startsWith('broken/unknown.yml:2:1: ')
    })
  })

  it('is one that is not UTF-8, or too large', async () => {
    const options = { file: 'input', env: {} }
    assert.equal(await placeOfError(parseInput(new Uint8Array([0x61, 0xff]), options)), '1:1')
    assert.equal(await placeOfError(parseInput(Buffer.alloc(MAX_INPUT_BYTES + 1, 0x0a), options)), '1:1')
  })

  it('is one with several documents, except of Kubernetes', async () => {
    assert.equal(await placeOfError(parseText('services: {}\n---\nservices: {}\n')), '3:1')
  })

  it('is one in which a document is no Kubernetes manifest and others are: that one, wherever it stands', async () => {
    const [pod, empty, foreign] = ['apiVersion: v1\nkind: Pod\n', '# nothing\n', 'kind: x\n']
    for (const [documents, place] of [
      [[pod, empty, foreign], '6:1'],
      [[foreign, empty, pod], '1:1'],
    ] as const) {
      await assert.rejects(parseText(documents.join('---\n')), (error) => {
        assert.ok(isHearthError(error, 'INPUT_INVALID'))
        assert.equal(`${error.details.line}:${error.details.column}`, place)
        return /apiVersion/.test(error.message)
      })
    }
    assert.deepEqual((await parseText([empty, pod, empty, '', pod].join('---\n'))).images, [])
  })
})

describe('parseLock', () => {
  it('takes nothing but a lock', async () => {
    const lock = await parseLock(await readFixture('lock.json'), 'lock.json')
    assert.equal(lock.images['docker.io/library/alpine:3.19']?.platforms['linux/amd64']?.size, 528)
    assert.equal(await placeOfError(parseLock(Buffer.from('alpine\n'), 'x')), '1:1')
    assert.equal(await placeOfError(parseLock(Buffer.from('{"images": {}}'), 'x')), '1:1')
  })
})
