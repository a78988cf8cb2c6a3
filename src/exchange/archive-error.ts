import { type ErrorDetails, HearthError } from '../errors.js'

/** An archive that is damaged, or built to do harm. */
export function archiveInvalid(why: string, details: ErrorDetails = {}, cause?: unknown): HearthError {
  return new HearthError('ARCHIVE_INVALID', why, details, cause)
}
