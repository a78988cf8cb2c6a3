import { type ErrorDetails, HearthError, isHearthError } from '../errors.js'
import type { Descriptor } from '../oci/descriptor.js'
import { quote } from '../oci/quote.js'

/** A layer that cannot be unpacked, by anybody. `name` is a byte string out of it, and quoted. */
export function layerInvalid(why: string, { name, ...details }: ErrorDetails = {}): HearthError {
  const quoted = name === undefined ? undefined : quote(String(name))
  const message = quoted === undefined ? why : `${why}: ${quoted}`
  return new HearthError('LAYER_INVALID', message, { ...details, ...(quoted !== undefined && { name: quoted }) })
}

/** More than {@link FlattenLimits} allow. */
export function layerTooLarge(why: string, details: ErrorDetails = {}): HearthError {
  return new HearthError('LAYER_TOO_LARGE', why, details)
}

/** A failure inside a layer, with the layer's digest; a damaged archive becomes a damaged layer. */
export function inLayer(error: unknown, { digest }: Pick<Descriptor, 'digest'>): unknown {
  const ours = isHearthError(error, 'LAYER_INVALID') || isHearthError(error, 'LAYER_TOO_LARGE')
  if (!ours && !isHearthError(error, 'ARCHIVE_INVALID')) return error
  const code = ours ? error.code : 'LAYER_INVALID'
  return new HearthError(code, `layer ${digest}: ${error.message}`, { ...error.details, layer: digest }, error)
}
