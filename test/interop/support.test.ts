/** The test support against programs of others: builders are worth something only if these take their images. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { DOCKER_INDEX } from '../../src/oci/media-type.js'
import { anImage } from '../support/an-image.js'
import { ask } from '../support/ask.js'
import { type DockerRegistryOptions, PASSWORD, startDockerRegistry, USERNAME } from '../support/docker-registry.js'
import { interop, runTool, skopeoPush } from '../support/interop.js'
import { startRawRegistry } from '../support/raw-registry.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const NAME = 'docker.io/library/app:1.0'
const CREDENTIALS = `${USERNAME}:${PASSWORD}`

function aTwoPlatformImage() {
  return anImage({ platforms: ['linux/amd64', 'linux/arm64'], layers: [{ bytes: 5000 }, {}] })
}

describe('images of the builder', () => {
  it('are read by skopeo from a layout, also when the index is sparse', interop('skopeo'), async () => {
    const [layout, image] = [await tempDir(), await aTwoPlatformImage()]
    await writeLayout(layout, [{ name: NAME, image, platforms: ['linux/amd64'] }])
    const select = ['--override-os', 'linux', '--override-arch', 'amd64']
    const inspected = JSON.parse(await runTool('skopeo', ...select, 'inspect', `oci:${layout}:${NAME}`))
    assert.equal(inspected.Digest, image.root.digest)
    assert.deepEqual(
      inspected.Layers,
      image.platforms.get('linux/amd64')?.layers.map(({ digest }) => digest),
    )
  })

  it('are unpacked by umoci', interop('umoci'), async () => {
    const [layout, bundle, image] = [await tempDir(), await tempDir(), await anImage({ seed: 'hello' })]
    await writeLayout(layout, [{ name: NAME, image }])
    await runTool('umoci', 'unpack', '--rootless', '--image', `${layout}:${NAME}`, join(bundle, 'b'))
    const text = await readFile(join(bundle, 'b/rootfs/etc/hearth/hello-0-linux-amd64'), 'utf8')
    assert.equal(text, 'layer hello-0 linux/amd64\n')
  })

  it('are copied by skopeo out of the raw registry, streamed layers too', interop('skopeo'), async () => {
    const registry = await startRawRegistry({ auth: { kind: 'bearer', username: USERNAME, password: PASSWORD } })
    after(() => registry.close())
    const image = await anImage({ layers: [{}, { bytes: 1, streamed: true }] })
    const reference = registry.add(image, 'library/app', '1.0')
    const target = join(await tempDir(), 'layout')
    const copy = ['--insecure-policy', 'copy', '--src-tls-verify=false', '--src-creds', CREDENTIALS]
    await runTool('skopeo', ...copy, `docker://${reference}`, `oci:${target}:${NAME}`)
    const { manifests } = JSON.parse(await readFile(join(target, 'index.json'), 'utf8'))
    assert.equal(manifests[0].digest, image.root.digest)
  })
})

describe('docker-registry', interop('docker-registry', 'skopeo'), () => {
  async function start(options: DockerRegistryOptions) {
    const registry = await startDockerRegistry(options)
    after(() => registry.close())
    const [layout, image] = [await tempDir(), await aTwoPlatformImage()]
    await writeLayout(layout, [{ name: NAME, image }])
    return { registry, image, pushed: { layout, name: NAME, target: `${registry.host}/library/app:1.0` } }
  }
  const manifestOf = (host: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(`http://${host}/v2/library/app/manifests/1.0`, {
      method: 'HEAD',
      headers: { Accept: `application/vnd.oci.image.index.v1+json,${DOCKER_INDEX}`, ...headers },
    })

  it('takes all platforms under the same digest, and shows its access log', async () => {
    const { registry, image, pushed } = await start({})
    await skopeoPush(pushed)
    assert.equal((await manifestOf(registry.host)).headers['docker-content-digest'], image.root.digest)
    assert.ok((await registry.requests()).includes('HEAD /v2/library/app/manifests/1.0 200'))
  })

  it('takes Docker’s media types after a conversion', async () => {
    const { registry, pushed } = await start({})
    await skopeoPush(pushed, { docker: true })
    assert.equal((await manifestOf(registry.host)).headers['content-type'], DOCKER_INDEX)
  })

  it('asks for a password', async () => {
    const { registry, pushed } = await start({ auth: 'htpasswd' })
    await assert.rejects(skopeoPush(pushed))
    await skopeoPush(pushed, { credentials: CREDENTIALS })
    assert.equal((await manifestOf(registry.host)).status, 401)
    const Authorization = `Basic ${Buffer.from(CREDENTIALS).toString('base64')}`
    assert.equal((await manifestOf(registry.host, { Authorization })).status, 200)
  })

  it('asks for a token, which everybody gets to pull, and its user to push', async () => {
    const { registry, image, pushed } = await start({ auth: 'token' })
    await assert.rejects(skopeoPush(pushed))
    await skopeoPush(pushed, { credentials: CREDENTIALS })
    const challenge = (await manifestOf(registry.host)).headers['www-authenticate'] ?? ''
    const { realm, service, scope } = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    const { body } = await ask(`${realm}?service=${service}&scope=${scope}`)
    const Authorization = `Bearer ${JSON.parse(body.toString()).token}`
    assert.equal(
      (await manifestOf(registry.host, { Authorization })).headers['docker-content-digest'],
      image.root.digest,
    )
    assert.ok((registry.tokens?.issued() ?? 0) > 1)
  })
})
