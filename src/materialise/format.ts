import { HearthError } from '../errors.js'

/**
 * The layout of `.hearth/` that this hearth reads and writes. A change that an older hearth cannot live with raises it, and with
 * it the version in the log's summary: that one still tells when format.json is lost or damaged.
 */
export const FORMAT_VERSION = 1
const FILE = '.hearth/format.json'

export interface CacheFormat {
  readonly version: number
  /** Of this cache, for good. */
  readonly id: string
}

/**
 * Pure. A newer version counts also where the rest is damaged: that cache is not ours to mend.
 * @throws HearthError FORMAT_UNSUPPORTED for a newer version, LAYOUT_INVALID for what is no format.json.
 */
export function parseFormat(text: string): CacheFormat {
  refuseNewer(Number(/"version"\s*:\s*(\d+)/.exec(text)?.[1] ?? 0))
  const { version, id } = parseObject(text, FILE)
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1 || typeof id !== 'string') {
    throw new HearthError('LAYOUT_INVALID', `${FILE} is damaged`, { file: FILE })
  }
  refuseNewer(version)
  return { version, id }
}

function refuseNewer(version: number): void {
  if (version <= FORMAT_VERSION) return
  const details = { expected: FORMAT_VERSION, actual: version }
  throw new HearthError('FORMAT_UNSUPPORTED', `a newer hearth made this cache (format ${version})`, details)
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
