import { expectMap, expectText, type Located, type LocatedMap, member } from './located.js'
import { type WantedImage, wantImage } from './wanted-image.js'

const CONTAINERS = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** Pure. An object of the Kubernetes API, or a list of such objects. */
export function isKubernetes(document: Located): boolean {
  return document.kind === 'map' && document.entries.has('apiVersion') && document.entries.has('kind')
}

/**
 * Every image of every pod spec, wherever it is nested: a Pod's, a Deployment's, a CronJob's, those in a List, and those of
 * resources that nobody has heard of. A pod spec is a map with a list of containers.
 * Format: kubernetes.io/docs/reference/kubernetes-api, PodSpec.
 * @throws HearthError INPUT_INVALID
 */
export function readKubernetes(documents: readonly Located[]): WantedImage[] {
  return documents.flatMap((document) => walk(expectMap(document, 'the document')))
}

/** The documents' limits of depth and size bound this. */
function walk(value: Located): WantedImage[] {
  if (value.kind === 'list') return value.items.flatMap(walk)
  if (value.kind !== 'map') return []
  const spec = isPodSpec(value)
  const nested = [...value.entries].filter(([name]) => !spec || !isRead(name))
  return [...(spec ? imagesOf(value) : []), ...nested.flatMap(([, entry]) => walk(entry.value))]
}

/** A schema of pod specs has a map in this place. */
function isPodSpec(map: LocatedMap): boolean {
  const containers = member(map, 'containers')
  return containers?.kind === 'list' && containers.items.every(({ kind }) => kind === 'map')
}

function isRead(name: string): boolean {
  return name === 'volumes' || (CONTAINERS as readonly string[]).includes(name)
}

function imagesOf(spec: LocatedMap): WantedImage[] {
  const listed = (name: string): readonly Located[] => {
    const list = member(spec, name)
    return list?.kind === 'list' ? list.items : []
  }
  const containers = CONTAINERS.flatMap((name) =>
    listed(name).map((container) => member(expectMap(container, name), 'image')),
  )
  const volumes = listed('volumes').map((volume) => {
    const image = volume.kind === 'map' ? member(volume, 'image') : undefined
    return image?.kind === 'map' ? member(image, 'reference') : undefined
  })
  // A container may have no image yet: a template's, which another controller fills in.
  return [...containers, ...volumes].flatMap((image) =>
    image === undefined ? [] : [wantImage(expectText(image, 'image'))],
  )
}
