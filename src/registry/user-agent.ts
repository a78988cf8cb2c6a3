/** Sent with each request. A test keeps it in step with package.json. */
export const USER_AGENT = 'hearth/0.1.0'
