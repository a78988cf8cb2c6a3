import { HearthError } from '../errors.js'
import { schemeFor } from './host-list.js'

/** One server to ask for a registry's content. */
export interface Endpoint {
  /** Scheme, host and port: what a credential is bound to. */
  readonly origin: string
  /** Host, with the port where it is not the scheme's own: names the lane, stands in errors. */
  readonly host: string
  /** Whose credentials to look up: its own name, not the one of the registry it mirrors. */
  readonly registry: string
  /** Put before the repository, for mirrors that keep registries in folders: `''` or `hub/`. */
  readonly prefix: string
}

export interface Mirror {
  /** The registry it stands in for, or `*` for every one. */
  readonly registry: string
  readonly endpoint: Endpoint
}

const DOCKER_HUB = 'docker.io'
const DOCKER_HUB_HOST = 'registry-1.docker.io'

/**
 * Parses the `mirrors` option.
 *
 *     mirror ::= [ registry "=" ] url        registry: a host, or "*"; without it docker.io
 *
 * A URL with a path is a folder of repositories. A scheme that is written out counts, also plain HTTP: whoever wrote it
 * meant it.
 *
 * @throws HearthError OPTION_INVALID
 */
export function parseMirrors(
  texts: readonly string[],
  options: { readonly plainHttpHosts: readonly string[] },
): Mirror[] {
  return texts.map((text) => {
    const [, registry = DOCKER_HUB, target = ''] = /^(?:([^=/]+)=)?([^=]+)$/.exec(text) ?? []
    const href = target.includes('://') ? target : `${schemeFor(target.replace(/\/.*/, ''), options)}://${target}`
    const url = URL.canParse(href) ? new URL(href) : undefined
    const fits = url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === ''
    if (!fits || url.search !== '' || url.hash !== '' || url.hostname === '') throw invalid()
    const prefix = url.pathname
      .replace(/^\/(v2(\/|$))?/, '')
      .replace(/\/*$/, '/')
      .replace(/^\/$/, '')
    if (!/^([a-z0-9]+([._-]+[a-z0-9]+)*\/)*$/.test(prefix)) throw invalid()
    const host = registry.toLowerCase()
    return {
      registry: host === DOCKER_HUB_HOST || host === 'index.docker.io' ? DOCKER_HUB : host,
      endpoint: toEndpoint(url, prefix),
    }
  })
}

/** Where to ask for a registry's content, in order: its mirrors as they were given, then the registry itself. */
export function endpointsFor(
  registry: string,
  mirrors: readonly Mirror[],
  options: { readonly plainHttpHosts: readonly string[] },
): readonly [...mirrors: Endpoint[], origin: Endpoint] {
  const host = registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry
  const href = `${schemeFor(host, options)}://${host}`
  if (!URL.canParse(href)) throw new HearthError('REFERENCE_INVALID', 'not a registry', { found: registry })
  const chosen = mirrors.filter((mirror) => mirror.registry === '*' || mirror.registry === registry)
  return [...chosen.map(({ endpoint }) => endpoint), toEndpoint(new URL(href), '')]
}

function toEndpoint(url: URL, prefix: string): Endpoint {
  const registry = url.hostname === DOCKER_HUB_HOST ? DOCKER_HUB : url.host
  return { origin: url.origin, host: url.host, registry, prefix }
}

/** The text is not repeated: it may hold a password. */
function invalid(): HearthError {
  return new HearthError('OPTION_INVALID', 'a mirror is [registry=]url, with an http or https URL and no credentials')
}
