import { interpolate } from './interpolate.js'
import { expectMap, expectText, itemsOf, type Located, type LocatedMap, member } from './located.js'
import { type FormatOptions, type WantedImage, wantImage } from './wanted-image.js'

/** Pure. Services by name; LinuxKit's are a list. */
export function isCompose(document: Located): boolean {
  return document.kind === 'map' && document.entries.get('services')?.value.kind === 'map'
}

/**
 * The images that a Compose file's services run, of every profile, and those that they mount. A service without an image is
 * one that is built, or extends another; one with `pull_policy: build` is built even though its image has a name. Files
 * that this one includes or extends are not read.
 * Spec: compose-spec 05-services.md.
 * @throws HearthError INPUT_INVALID
 */
export function readCompose(document: Located, { env }: Pick<FormatOptions, 'env'>): WantedImage[] {
  const services = member(expectMap(document, 'the document'), 'services')
  if (services === undefined) return []
  return [...expectMap(services, 'services').entries].flatMap(([name, { value }]) =>
    value.kind === 'null' ? [] : imagesOf(expectMap(value, name), env),
  )
}

function imagesOf(service: LocatedMap, env: FormatOptions['env']): WantedImage[] {
  const read = (map: LocatedMap, name: string) => {
    const value = member(map, name)
    return value === undefined ? undefined : interpolate(expectText(value, name), env)
  }
  const platform = read(service, 'platform')
  const platforms = platform === undefined || platform.text === '' ? [] : [platform]
  const image = read(service, 'pull_policy')?.text === 'build' ? undefined : read(service, 'image')
  // A variable that may name an image instead of the build, and does not.
  const own = image?.text === '' && member(service, 'build') !== undefined ? undefined : image
  const mounted = itemsOf(service, 'volumes').map((volume) =>
    volume.kind === 'map' && read(volume, 'type')?.text === 'image' ? read(volume, 'source') : undefined,
  )
  return [own, ...mounted].flatMap((image) => (image === undefined ? [] : [wantImage(image, platforms)]))
}
