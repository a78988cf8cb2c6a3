import { HearthError } from '../errors.js'

/** The layout of `.hearth/` that this hearth reads and writes. A change that an older hearth cannot live with raises it. */
export const FORMAT_VERSION = 1

export interface CacheFormat {
  readonly version: number
  /** Of this cache, for good. */
  readonly id: string
}

/** Pure. @throws HearthError FORMAT_UNSUPPORTED for a newer version, LAYOUT_INVALID for what is no format.json. */
export function parseFormat(text: string): CacheFormat {
  const { version, id } = parseObject(text, '.hearth/format.json')
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1 || typeof id !== 'string') {
    throw new HearthError('LAYOUT_INVALID', '.hearth/format.json is damaged', { file: '.hearth/format.json' })
  }
  if (version > FORMAT_VERSION) {
    throw new HearthError('FORMAT_UNSUPPORTED', `a newer hearth made this cache (format ${version})`, {
      expected: FORMAT_VERSION,
      actual: version,
    })
  }
  return { version, id }
}

/**
 * Pure: checks the marker of an image layout.
 * Spec: image-spec v1.1 image-layout.md "oci-layout file".
 * @throws HearthError LAYOUT_INVALID when it is not of version 1.0.0.
 */
export function parseOciLayout(text: string): void {
  const { imageLayoutVersion } = parseObject(text, 'oci-layout')
  if (imageLayoutVersion === '1.0.0') return
  throw new HearthError('LAYOUT_INVALID', 'the folder is no image layout of version 1.0.0', { file: 'oci-layout' })
}

function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new HearthError('LAYOUT_INVALID', `${file} is not JSON`, { file }, cause)
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new HearthError('LAYOUT_INVALID', `${file} is not an object`, { file })
}
