import { expectMap, expectText, type Located, type LocatedMap, member } from './located.js'
import { ifReadable, type WantedImage, wantImage } from './wanted-image.js'

const CONTAINERS = ['initContainers', 'containers', 'ephemeralContainers'] as const
const CONTROLLERS = /^(?:Deployment|ReplicaSet|StatefulSet|DaemonSet)(?:List)?$/
/** What Kubernetes itself has pod specs in, by the group of the API: `apps` of `apps/v1`. The first group has no name. */
const WORKLOADS: ReadonlyMap<string, RegExp> = new Map([
  ['', /^(?:Pod|PodTemplate|ReplicationController)(?:List)?$/],
  ['apps', CONTROLLERS],
  ['extensions', CONTROLLERS],
  ['batch', /^(?:Job|CronJob)(?:List)?$/],
])

/** Pure. An object of the Kubernetes API, or a list of such objects. */
export function isKubernetes(document: Located): boolean {
  return document.kind === 'map' && document.entries.has('apiVersion') && document.entries.has('kind')
}

/**
 * Every image of every pod spec, wherever it is nested: a Pod's, a Deployment's, a CronJob's, those in a List, and those of
 * resources that nobody has heard of. A pod spec is a map with a list of containers. What is no image there is an error in
 * a workload of Kubernetes itself; anybody else's resource may mean something else by it, and it is passed over.
 * Format: kubernetes.io/docs/reference/kubernetes-api, PodSpec.
 * @throws HearthError INPUT_INVALID
 */
export function readKubernetes(documents: readonly Located[]): WantedImage[] {
  return documents.flatMap((document) => walk(expectMap(document, 'the document'), ifReadable))
}

/** What to do about a container or a volume that cannot be read. */
type Attitude = (read: () => WantedImage[]) => WantedImage[]

/** The documents' limits of depth and size bound this. */
function walk(value: Located, outer: Attitude): WantedImage[] {
  if (value.kind === 'list') return value.items.flatMap((item) => walk(item, outer))
  if (value.kind !== 'map') return []
  const attitude = isKubernetes(value) ? attitudeTo(value) : outer
  const spec = isPodSpec(value)
  const nested = [...value.entries].filter(([name]) => !spec || !isRead(name))
  return [...(spec ? imagesOf(value, attitude) : []), ...nested.flatMap(([, entry]) => walk(entry.value, attitude))]
}

/** Lists of them as the API sends them name the kind once. */
function attitudeTo(object: LocatedMap): Attitude {
  const [group = '', version] = textOf(object, 'apiVersion').split('/')
  const kinds = WORKLOADS.get(version === undefined ? '' : group)
  return kinds?.test(textOf(object, 'kind')) === true ? demand : ifReadable
}

function demand(read: () => WantedImage[]): WantedImage[] {
  return read()
}

/** A schema of pod specs has a map in this place. */
function isPodSpec(map: LocatedMap): boolean {
  const containers = member(map, 'containers')
  return containers?.kind === 'list' && containers.items.every(({ kind }) => kind === 'map')
}

function isRead(name: string): boolean {
  return name === 'volumes' || (CONTAINERS as readonly string[]).includes(name)
}

function imagesOf(spec: LocatedMap, attitude: Attitude): WantedImage[] {
  const each = (name: string, read: (item: Located) => WantedImage[]): WantedImage[] => {
    const list = member(spec, name)
    return list?.kind === 'list' ? list.items.flatMap((item) => attitude(() => read(item))) : []
  }
  const containers = CONTAINERS.flatMap((name) => each(name, (item) => named(expectMap(item, name), 'image')))
  const volumes = each('volumes', (item) => {
    const image = item.kind === 'map' ? member(item, 'image') : undefined
    return image?.kind === 'map' ? named(image, 'reference') : []
  })
  return [...containers, ...volumes]
}

/** A container may have no image yet: a template's, which another controller fills in. */
function named(map: LocatedMap, name: string): WantedImage[] {
  const image = member(map, name)
  return image === undefined ? [] : [wantImage(expectText(image, name))]
}

function textOf(map: LocatedMap, name: string): string {
  const value = member(map, name)
  return value?.kind === 'text' ? value.text : ''
}
