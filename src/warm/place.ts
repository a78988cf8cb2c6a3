import { HearthError } from '../errors.js'

/** Where something stands in an input, for whoever has to correct it. */
export interface Place {
  /** As the user named it; `-` for standard input. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** In characters, from 1. */
  readonly column: number
}

/** `images.yml:3:12` */
function formatPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}

/** The error for an input that cannot be used; its details are the place and the reason. */
export function inputInvalid(place: Place, reason: string, cause?: unknown): HearthError {
  const { file, line, column } = place
  const message = `${formatPlace(place)}: ${reason}`
  return new HearthError('INPUT_INVALID', message, { file, line, column, reason }, cause)
}
