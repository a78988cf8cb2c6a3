import { interpolate } from './interpolate.js'
import { expectMap, expectText, itemsOf, type Located, type LocatedMap, type LocatedText, member } from './located.js'
import { type FormatOptions, ifReadable, type WantedImage, wantImage } from './wanted-image.js'

/** Pure. Services by name; LinuxKit's are a list. */
export function isCompose(document: Located): boolean {
  return document.kind === 'map' && document.entries.get('services')?.value.kind === 'map'
}

/** What a Compose file asks for, and the names of what it builds and does not want pulled. */
export interface ComposeImages {
  readonly images: readonly WantedImage[]
  readonly built: readonly string[]
}

/**
 * The images that a Compose file's services run, of every profile, and those that they mount. A service without an image is
 * one that is built, or extends another. Of one that has both, Compose pulls the image, and builds it where there is none to
 * pull; with `pull_policy: build`, or when the caller ignores what can be built, its image is left, in the services that only
 * use it as well. Files that this one includes or extends are not read.
 * Spec: compose-spec 05-services.md.
 * @throws HearthError INPUT_INVALID
 */
export function readCompose(document: Located, options: FormatOptions): ComposeImages {
  const section = member(expectMap(document, 'the document'), 'services')
  const services = section === undefined ? [] : [...expectMap(section, 'services').entries]
  const maps = services.flatMap(([name, { value }]) => (value.kind === 'null' ? [] : [expectMap(value, name)]))
  const left = new Set(maps.filter((service) => isLeft(service, options)))
  const built = new Set(
    [...left].flatMap((service) => ifReadable(() => ownImage(service, options))).map(({ reference }) => reference),
  )
  const images = maps.flatMap((service) => [
    ...(left.has(service) ? [] : ownImage(service, options)),
    ...mountedImages(service, options),
  ])
  return { images: images.filter(({ reference }) => !built.has(reference)), built: [...built] }
}

function isLeft(service: LocatedMap, options: FormatOptions): boolean {
  if (read(service, 'pull_policy', options)?.text === 'build') return true
  return options.ignoreBuildable === true && isBuilt(service)
}

function isBuilt(service: LocatedMap): boolean {
  return member(service, 'build') !== undefined
}

function ownImage(service: LocatedMap, options: FormatOptions): WantedImage[] {
  const image = read(service, 'image', options)
  // A variable that may name an image instead of the build, and does not.
  if (image === undefined || (image.text === '' && isBuilt(service))) return []
  return [wantImage(image, platformsOf(service, options))]
}

function mountedImages(service: LocatedMap, options: FormatOptions): WantedImage[] {
  return itemsOf(service, 'volumes').flatMap((volume) => {
    if (volume.kind !== 'map' || read(volume, 'type', options)?.text !== 'image') return []
    const source = read(volume, 'source', options)
    return source === undefined ? [] : [wantImage(source, platformsOf(service, options))]
  })
}

function platformsOf(service: LocatedMap, options: FormatOptions): LocatedText[] {
  const platform = read(service, 'platform', options)
  return platform === undefined || platform.text === '' ? [] : [platform]
}

function read(map: LocatedMap, name: string, { env }: FormatOptions): LocatedText | undefined {
  const value = member(map, name)
  return value === undefined ? undefined : interpolate(expectText(value, name), env)
}
