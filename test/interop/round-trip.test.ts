/** From one registry to another on a stick: pulled, exported, imported elsewhere, pushed; skopeo compares both ends. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anArtifact } from '../support/an-artifact.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.js'
import { hearthOk } from '../support/hearth.js'
import { interop, runTool } from '../support/interop.js'
import { tempDir } from '../support/temp-dir.js'
import { writeLayout } from '../support/write-layout.js'

const rawOf = (target: string) => runTool('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${target}`)

describe('a round trip', interop('docker-registry', 'skopeo'), () => {
  let first: DockerRegistry
  let second: DockerRegistry
  let image: BuiltImage
  let sbom: BuiltImage
  let cache: string
  const app = () => `${first.host}/team/app:1.0`

  before(async () => {
    ;[first, second] = await Promise.all([startDockerRegistry(), startDockerRegistry()])
    const layers = [{ seed: 'base', everyPlatform: true }, { bytes: 100_000 }]
    image = await anImage({ seed: 'trip', platforms: ['linux/amd64', 'linux/arm64'], layers, attestations: true })
    sbom = await anArtifact({ subject: image.root, blobs: [{ bytes: Buffer.from('sbom'), mediaType: 'text/spdx' }] })
    const layout = await tempDir()
    await writeLayout(layout, [{ name: app(), image }, { image: sbom }])
    await hearthOk(['push', app(), '--cache', layout])
    cache = await tempDir()
    await hearthOk(['pull', app(), '--platform', 'all', '--referrers', '--cache', cache])
  })
  after(async () => {
    await first?.close()
    await second?.close()
  })

  /** The image's name in the second registry, after the trip. */
  async function carried(format: string, ...options: readonly string[]): Promise<string> {
    const [folder, into] = [await tempDir(), await tempDir()]
    const [output, copy] = [join(folder, 'image'), `${second.host}/${format}/app:1.0`]
    await hearthOk(['export', app(), '-o', output, '--format', format, '--cache', cache, ...options])
    await hearthOk(['import', output, '--cache', into])
    const { references } = JSON.parse(await hearthOk(['ls', '--json', '--cache', into]))
    assert.equal(references[0].reference, app())
    await hearthOk(['push', app(), '--remote-name', copy, '--cache', into])
    return copy
  }

  for (const format of ['oci', 'oci-dir']) {
    it(`keeps every digest, and what refers to the image: ${format}`, async () => {
      const copy = await carried(format)
      assert.equal(await rawOf(copy), await rawOf(app()))
      const repositories = [`${second.host}/${format}/app`, `${first.host}/team/app`]
      for (const { digest } of [...[...image.platforms.values()].map(({ manifest }) => manifest), sbom.root]) {
        const [mine, theirs] = repositories.map((repository) => rawOf(`${repository}@${digest}`))
        assert.equal(await mine, await theirs)
      }
      // Skopeo reads configs and layers as well, and checks them.
      const pull = ['--insecure-policy', 'copy', '--all', '--src-tls-verify=false', `docker://${copy}`]
      await runTool('skopeo', ...pull, `dir:${await tempDir()}`)
    })
  }

  it('keeps the manifest of the one platform, and the id with it: docker', async () => {
    const copy = await carried('docker', '--platform', 'linux/arm64')
    const manifest = image.platforms.get('linux/arm64/v8')?.manifest ?? assert.fail()
    assert.equal(await rawOf(copy), await rawOf(`${first.host}/team/app@${manifest.digest}`))
  })
})
