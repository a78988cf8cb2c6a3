import { anImage, type BuiltImage } from '../../test/support/an-image.js'
import type { RegistrySpec } from '../../test/support/spawn-registry.js'

/**
 * Pushes images into a registry that speaks plain HTTP and asks nobody who they are.
 * @returns their references, in order.
 */
export async function fillRegistry(host: string, images: RegistrySpec['images']): Promise<string[]> {
  const references: string[] = []
  const homes = new Map<string, string>()
  for (const { repository, tag, ...spec } of images) {
    const image = await anImage(spec)
    const url = `http://${host}/v2/${repository}`
    const blobs = [...image.blobs].filter(([digest]) => !image.manifests.has(digest))
    await Promise.all(blobs.map(([digest, bytes]) => pushBlob(url, { digest, bytes, home: homes.get(digest) })))
    for (const [digest] of blobs) homes.set(digest, repository)
    await pushManifests(url, image, tag)
    references.push(`${host}/${repository}:${tag}`)
  }
  return references
}

interface PushedBlob {
  readonly digest: string
  readonly bytes: Uint8Array
  /** A repository that has it already. */
  readonly home: string | undefined
}

/** Spec: distribution-spec v1.1 "Pushing a blob monolithically" and "Mounting a blob from another repository". */
async function pushBlob(url: string, { digest, bytes, home }: PushedBlob): Promise<void> {
  const query = home === undefined ? '' : `?mount=${digest}&from=${home}`
  const { status, headers } = await demand(`${url}/blobs/uploads/${query}`, { method: 'POST' })
  if (status === 201) return
  const place = new URL(headers.get('location') ?? '', url)
  place.searchParams.set('digest', digest)
  await demand(place, { method: 'PUT', body: bytes, headers: { 'content-type': 'application/octet-stream' } })
}

/** Leaves come before their parents, as they were built. */
async function pushManifests(url: string, image: BuiltImage, tag: string): Promise<void> {
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
