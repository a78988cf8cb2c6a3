/** What other programs read of what we push, and what docker-registry makes of the way we do it. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startContainerd } from '../support/a-containerd.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { type DockerRegistry, PASSWORD, startDockerRegistry, USERNAME } from '../support/docker-registry.js'
import { hearth, hearthOk } from '../support/hearth.js'
import { interop, runTool, skopeoPush } from '../support/interop.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const rawOf = (target: string) => runTool('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${target}`)

describe('a push to docker-registry', interop('docker-registry', 'skopeo'), () => {
  let first: DockerRegistry
  let second: DockerRegistry
  let image: BuiltImage
  let docker: BuiltImage
  let cache: string
  const app = () => `${first.host}/team/app:1.0`

  before(async () => {
    ;[first, second] = await Promise.all([startDockerRegistry(), startDockerRegistry()])
    const layers = [{ seed: 'base', everyPlatform: true }, { bytes: 5_000_000 }]
    image = await anImage({ seed: 'push', platforms: ['linux/amd64', 'linux/arm64'], layers, attestations: true })
    docker = await anImage({ seed: 'docker', format: 'docker', layers })
    const layout = await tempDir()
    await writeLayout(layout, [{ name: 'app', image }])
    await skopeoPush({ layout, name: 'app', target: app() })
    cache = await tempDir()
    await writeLayout(cache, [{ name: `${first.host}/team/docker:1`, image: docker }])
    await hearthOk(['pull', app(), '--platform', 'all', '--cache', cache])
  })
  after(async () => {
    await first?.close()
    await second?.close()
  })

  it('takes an image from one registry to another, byte for byte', async () => {
    const copy = `${second.host}/copy/app:1.0`
    const out = JSON.parse(await hearthOk(['push', app(), '--remote-name', copy, '--cache', cache, '--json']))
    assert.equal(out.results[0].digest, image.root.digest)
    assert.equal(await rawOf(copy), await rawOf(app()))
    for (const { manifest } of image.platforms.values()) {
      const [mine, theirs] = [second.host, first.host].map((host) => {
        const repository = host === second.host ? 'copy/app' : 'team/app'
        return rawOf(`${host}/${repository}@${manifest.digest}`)
      })
      assert.equal(await mine, await theirs)
    }
    const out2 = await tempDir()
    const select = ['--override-os', 'linux', '--override-arch', 'arm64']
    const from = ['--insecure-policy', 'copy', '--src-tls-verify=false', `docker://${copy}`, `dir:${out2}`]
    await runTool('skopeo', ...select, ...from)
    assert.match(await hearthOk(['push', app(), '--remote-name', copy, '--cache', cache]), /up to date/)
  })

  it('mounts what another repository of the registry has, and uploads nothing', async () => {
    const other = `${first.host}/other/app:2`
    const before = (await first.requests()).length
    await hearthOk(['push', app(), '--remote-name', other, '--cache', cache])
    const requests = (await first.requests()).slice(before)
    assert.equal(await rawOf(other), await rawOf(app()))
    assert.deepEqual(
      requests.filter((line) => line.startsWith('PATCH') || /^PUT .*\/uploads\//.test(line)),
      [],
    )
    assert.ok(requests.filter((line) => /^POST .*mount=.* 201$/.test(line)).length >= 5)
  })

  it('keeps Docker’s media types as they are', async () => {
    const target = `${second.host}/copy/docker:1`
    await hearthOk(['push', `${first.host}/team/docker:1`, '--remote-name', target, '--cache', cache])
    const { mediaType } = JSON.parse(await rawOf(target))
    assert.equal(mediaType, docker.root.mediaType)
  })

  it('names each platform too', async () => {
    const target = `${second.host}/copy/arch:1.0`
    await hearthOk(['push', app(), '--remote-name', target, '--with-arch-tags', '--cache', cache])
    const listed = JSON.parse(
      await runTool('skopeo', 'list-tags', '--tls-verify=false', `docker://${second.host}/copy/arch`),
    )
    assert.deepEqual(listed.Tags.sort(), ['1.0', '1.0-amd64', '1.0-arm64'])
    const { layers } = JSON.parse(await rawOf(`${target}-arm64`))
    assert.equal(layers[1].digest, image.platforms.get('linux/arm64/v8')?.layers[1]?.digest)
  })

  it('does not replace another image unless told to', async () => {
    const target = `${second.host}/copy/taken:1`
    await hearthOk(['push', `${first.host}/team/docker:1`, '--remote-name', target, '--cache', cache])
    const args = ['push', app(), '--remote-name', target, '--cache', cache]
    const refused = await hearth(args)
    assert.equal(refused.exitCode, 9)
    assert.match(refused.stderr, /REFERENCE_EXISTS.*--override/)
    await hearthOk([...args, '--override'])
    assert.equal(await rawOf(target), await rawOf(app()))
  })
})

for (const auth of ['htpasswd', 'token'] as const) {
  describe(`a push to docker-registry with ${auth}`, interop('docker-registry', 'skopeo'), () => {
    let registry: DockerRegistry
    let cache: string
    let image: BuiltImage
    before(async () => {
      registry = await startDockerRegistry({ auth })
      image = await anImage({ seed: auth, layers: [{}, { bytes: 5_000_000 }] })
      cache = await tempDir()
      await writeLayout(cache, [{ name: `${registry.host}/private/app:1`, image }])
    })
    after(() => registry?.close())

    async function push(credentials: string, remoteName = `${registry.host}/private/app:1`) {
      const authFile = join(await tempDir(), 'auth.json')
      const auth = Buffer.from(credentials).toString('base64')
      await writeFile(authFile, JSON.stringify({ auths: { [registry.host]: { auth } } }))
      const name = `${registry.host}/private/app:1`
      const options = ['--remote-name', remoteName, '--authfile', authFile, '--cache', cache, '--verbose', '--json']
      return await hearth(['push', name, ...options])
    }

    it('refuses wrong credentials: exit code 7, and no secret shown', async () => {
      const { exitCode, stdout, stderr } = await push(`${USERNAME}:wrong canary`)
      assert.equal(exitCode, 7)
      assert.equal(JSON.parse(stdout).results[0].failure.code, 'UNAUTHORIZED')
      for (const secret of ['canary', Buffer.from(`${USERNAME}:wrong canary`).toString('base64'), 'eyJ']) {
        assert.ok(!`${stdout}${stderr}`.includes(secret), secret)
      }
    })

    it('pushes with the right ones, and mounts from a repository that they may read', async () => {
      const { exitCode, stderr } = await push(`${USERNAME}:${PASSWORD}`)
      assert.equal(exitCode, 0, stderr)
      const second = await push(`${USERNAME}:${PASSWORD}`, `${registry.host}/private/second:1`)
      assert.equal(JSON.parse(second.stdout).results[0].mountedBlobs, 3)
      const creds = ['--creds', `${USERNAME}:${PASSWORD}`, '--tls-verify=false']
      const target = `docker://${registry.host}/private/second:1`
      const { Digest } = JSON.parse(await runTool('skopeo', 'inspect', ...creds, target))
      assert.equal(Digest, image.root.digest)
    })
  })
}

const CONTAINERD =
  process.getuid?.() === 0 ? interop('docker-registry', 'containerd', 'ctr') : { skip: 'containerd needs root' }

describe('containerd', CONTAINERD, () => {
  it('fetches all of what was pushed, each blob under its digest', async () => {
    const registry = await startDockerRegistry()
    const containerd = await startContainerd()
    try {
      const image = await anImage({
        seed: 'ctr',
        platforms: ['linux/amd64', 'linux/arm64'],
        layers: [{}, { bytes: 9000 }],
      })
      const [cache, name] = [await tempDir(), `${registry.host}/team/app:1`]
      await writeLayout(cache, [{ name, image }])
      await hearthOk(['push', name, '--cache', cache])
      await containerd.ctr('content', 'fetch', '--plain-http', '--all-platforms', name)
      const held = await containerd.ctr('content', 'ls', '-q')
      assert.deepEqual(held.trim().split('\n').sort(), [...image.blobs.keys()].sort())
    } finally {
      await containerd.close()
      await registry.close()
    }
  })
})
