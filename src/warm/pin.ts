import { HearthError } from '../errors.js'
import type { Lock } from './lock-file.js'
import type { WantedImage } from './wanted-image.js'

/** Names shown of those that a lock lacks; the number says how many there are. */
const SHOWN = 10

/**
 * Pure. The images, each with the digest that the lock has for it.
 * @param file the lock's name, for the error.
 * @throws HearthError LOCK_MISSING naming what the lock lacks.
 */
export function pinTo(lock: Lock, images: readonly WantedImage[], file: string): readonly WantedImage[] {
  const lacking = images.filter(({ reference }) => !Object.hasOwn(lock.images, reference))
  if (lacking.length > 0) throw lockMissing(lacking, file)
  return images.map((image) => {
    const digest = lock.images[image.reference]?.digest
    return digest === undefined ? image : { ...image, digest }
  })
}

function lockMissing(lacking: readonly WantedImage[], file: string): HearthError {
  const names = lacking.map(({ reference }) => reference)
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
  const references = names.slice(0, SHOWN).join(', ')
  const message = `${file} lacks ${references}${more}; "hearth lock --update" adds what is missing`
  return new HearthError('LOCK_MISSING', message, { lock: file, missing: names.length, references })
}
