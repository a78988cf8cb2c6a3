import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Digest } from '../oci/digest.js'
import { digestBytes } from '../oci/hasher.js'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../oci/media-type.js'

export interface PracticeRegistry {
  /** Names an image of one layer, for linux/amd64. */
  readonly reference: string
  close(): void
}

/** As much of a registry as a pull asks for, on loopback. */
export async function startPracticeRegistry(): Promise<PracticeRegistry> {
  const documents = new Map<string, { readonly mediaType: string; readonly bytes: Buffer }>()
  const add = async (mediaType: string, content: object | string) => {
    const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
    const digest: Digest = await digestBytes(bytes)
    documents.set(digest, { mediaType, bytes })
    return { mediaType, digest, size: bytes.length }
  }
  const layer = await add(OCI_LAYER, 'a layer')
  const rootfs = { type: 'layers', diff_ids: [layer.digest] }
  const config = await add(OCI_CONFIG, { os: 'linux', architecture: 'amd64', rootfs })
  const manifest = await add(OCI_MANIFEST, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] })
  const manifests = [{ ...manifest, platform: { os: 'linux', architecture: 'amd64' } }]
  const index = await add(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests })
  const server = createServer(({ url = '', method }, response) => {
    const name = url.split('/').at(-1) ?? ''
    const document = documents.get(name === 'v1' ? index.digest : name)
    if (document === undefined) return void response.writeHead(url === '/v2/' ? 200 : 404).end()
    const { mediaType, bytes } = document
    response.writeHead(200, { 'Content-Type': mediaType, 'Content-Length': bytes.length })
    response.end(method === 'HEAD' ? undefined : bytes)
  })
  const port = await listen(server)
  return { reference: `127.0.0.1:${port}/practice:v1`, close: () => server.close() }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}
