import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = new URL('../../../test/fixtures/loopback/', import.meta.url)

/** For `tls` of a server on the loopback address, and as the certificate authority of its clients. PEM. */
export const LOOPBACK_CERTIFICATE = read('certificate.pem')
/** For programs that want a file. */
export const LOOPBACK_CERTIFICATE_PATH = fileURLToPath(new URL('certificate.pem', FOLDER))
/** The same key, for a host of another name. */
export const OTHER_HOST_CERTIFICATE = read('other-host.pem')
/** The same key, but the certificate's time is over. */
export const EXPIRED_CERTIFICATE = read('expired.pem')
/** The key of all three. It is public: worth nothing outside a test. */
export const LOOPBACK_KEY = read('key.pem')

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8')
}
