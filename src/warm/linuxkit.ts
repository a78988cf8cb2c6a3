import { expectMap, expectText, itemsOf, type Located, type LocatedMap, type LocatedText, member } from './located.js'
import { inputInvalid } from './place.js'
import { type WantedImage, wantImage } from './wanted-image.js'

/** Lists of maps that name an image each. */
const SECTIONS = ['onboot', 'onshutdown', 'services', 'volumes'] as const

/** Pure. What no other format has: a kernel or an init, or services that are a list. */
export function isLinuxkit(document: Located): boolean {
  if (document.kind !== 'map') return false
  const { entries } = document
  const isList = (name: string): boolean => entries.get(name)?.value.kind === 'list'
  return isKernel(entries.get('kernel')?.value) || ['init', ...SECTIONS].some(isList)
}

/**
 * Every image of a LinuxKit configuration: kernel, init, onboot, onshutdown, services and volumes. A volume may say which
 * platforms of its image it wants.
 * Format: linuxkit docs/yaml.md.
 * @throws HearthError INPUT_INVALID
 */
export function readLinuxkit(document: Located): WantedImage[] {
  const root = expectMap(document, 'the document')
  const kernel = member(root, 'kernel')
  return [
    ...(kernel === undefined ? [] : imageOf(expectMap(kernel, 'kernel'))),
    ...itemsOf(root, 'init').map((item) => wantPackage(expectText(item, 'init'))),
    ...SECTIONS.flatMap((section) => itemsOf(root, section).flatMap((item) => imageOf(expectMap(item, section)))),
  ]
}

function isKernel(value: Located | undefined): boolean {
  return value?.kind === 'map' && value.entries.has('image')
}

/** A volume without an image is an empty one, and a kernel without one is left to another file. */
function imageOf(map: LocatedMap): WantedImage[] {
  const image = member(map, 'image')
  if (image === undefined) return []
  const text = expectText(image, 'image')
  const platforms = itemsOf(map, 'platforms').map((platform) => expectText(platform, 'platforms'))
  return text.text === '' ? [] : [wantPackage(text, platforms)]
}

/** `@pkg:./path` names the image that LinuxKit would build from a folder: which one that is, only LinuxKit can tell. */
function wantPackage(image: LocatedText, platforms: readonly LocatedText[] = []): WantedImage {
  if (!image.text.startsWith('@')) return wantImage(image, platforms)
  throw inputInvalid(image.place, 'a template, not an image: write the name that "linuxkit pkg show-tag" prints')
}
