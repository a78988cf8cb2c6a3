import { VERSION } from '../version.js'

/** Sent with each request. */
export const USER_AGENT = `hearth/${VERSION}`
