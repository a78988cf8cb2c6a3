import { HearthError } from '../errors.js'

/** Compile error when a case of a closed union is missing; at run time, a value from another version. */
export function unreachable(value: never): never {
  throw new HearthError('INTERNAL', `unknown case: ${JSON.stringify(value)}`)
}
