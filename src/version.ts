/** Of this package. A test keeps it in step with package.json, which a bundle is not to read. */
export const VERSION = '0.1.0'
