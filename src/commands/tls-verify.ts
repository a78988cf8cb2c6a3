import { HearthError } from '../errors.js'

/**
 * The hosts whose certificates are not checked, from the values of `--tls-verify` in their order; `*` for all hosts.
 *
 *     value ::= [ host "=" ] ( "true" | "false" )
 *
 * @throws HearthError USAGE for anything else, and when one host is to be checked while all others are not.
 */
export function insecureHosts(values: readonly string[]): string[] {
  const hosts = new Set<string>()
  for (const value of values) {
    const [, host = '*', verify] = /^(?:([^=\s]+)=)?(true|false)$/i.exec(value) ?? []
    if (verify === undefined) throw usage(`--tls-verify takes true, false or HOST=true|false, not ${value}`)
    if (verify.toLowerCase() === 'false') hosts.add(host)
    else if (host === '*') hosts.clear()
    else if (hosts.has('*')) throw usage(`--tls-verify ${value} cannot make an exception from --tls-verify=false`)
    else hosts.delete(host)
  }
  return [...hosts]
}

function usage(message: string): HearthError {
  return new HearthError('USAGE', message)
}
