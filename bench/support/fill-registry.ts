import { anImage, type BuiltImage } from '../../test/support/an-image.js'
import type { RegistrySpec } from '../../test/support/spawn-registry.js'

/**
 * Pushes images into a registry that speaks plain HTTP and asks nobody who they are.
 * @returns their references, in order.
 */
export async function fillRegistry(host: string, images: RegistrySpec['images']): Promise<string[]> {
  const references: string[] = []
  for (const { repository, tag, ...spec } of images) {
    await push(`http://${host}/v2/${repository}`, await anImage(spec), tag)
    references.push(`${host}/${repository}:${tag}`)
  }
  return references
}

/** Spec: distribution-spec v1.1 "Pushing a blob monolithically" and "Pushing Manifests": leaves before their parents. */
async function push(url: string, image: BuiltImage, tag: string): Promise<void> {
  for (const [digest, bytes] of image.blobs) {
    if (image.manifests.has(digest)) continue
    const { headers } = await demand(`${url}/blobs/uploads/`, { method: 'POST' })
    const place = new URL(headers.get('location') ?? '', url)
    place.searchParams.set('digest', digest)
    await demand(place, { method: 'PUT', body: bytes, headers: { 'content-type': 'application/octet-stream' } })
  }
  for (const [digest, { descriptor, bytes }] of image.manifests) {
    const name = digest === image.root.digest ? tag : digest
    const headers = { 'content-type': descriptor.mediaType }
    await demand(`${url}/manifests/${name}`, { method: 'PUT', body: bytes, headers })
  }
}

async function demand(url: string | URL, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init)
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${init.method} ${url} was answered with ${answer.status}: ${text}`)
  return answer
}
