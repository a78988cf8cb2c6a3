import { HearthError, isHearthError } from '../errors.js'
import { type Digest, isDigest } from './digest.js'
import { quote } from './quote.js'
import { withoutUser } from './without-user.js'

/** A name in canonical form: nothing is implied any more. */
export interface Reference {
  /** Host, lower-case, with `:port` where one was given: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  readonly registry: string
  /** Path within the registry: `library/redis`. */
  readonly repository: string
  /** Absent only when a digest is there. */
  readonly tag?: string
  readonly digest?: Digest
}

const DOCKER_HUB = 'docker.io'
const DOCKER_HUB_BEFORE = 'index.docker.io'
const MAX_NAME_LENGTH = 255
/** Longest name, tag and digest; what is longer is not looked at any further. */
const MAX_LENGTH = MAX_NAME_LENGTH + ':'.length + 128 + '@sha512:'.length + 128

// component ::= alnum { separator alnum }        alnum ::= [a-z0-9]+
// separator ::= "." | "_" | "__" | "-" { "-" }
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
// host  ::= ( label { "." label } | "[" ipv6 "]" ) [ ":" port ]
// label ::= letters, digits and "-", but neither begins nor ends with "-"
const LABEL = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
const HOST = new RegExp(`^(${LABEL}(?:\\.${LABEL})*|\\[[a-f0-9:]+\\])(?::([1-9][0-9]{0,4}))?$`)
// tag ::= ( letter | digit | "_" ) { letter | digit | "_" | "." | "-" }        at most 128
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Parses an image's name as Docker does, into canonical form:
 *
 *     reference  ::= [ host "/" ] repository [ ":" tag ] [ "@" digest ]
 *     repository ::= component { "/" component }
 *
 * The first component is a host when it contains "." or ":" or is `localhost`; otherwise the host is docker.io. There a
 * single component is below `library/`, and `index.docker.io` is its old name. Without tag and digest the tag is `latest`;
 * with both, both are kept. Grammar and rules: github.com/distribution/reference.
 *
 * Stricter than that in order to have one spelling for each host, because credentials are chosen by it: hosts are
 * lower-cased, IPv6 addresses compressed, IPv4 addresses must be four plain decimals, ports plain numbers up to 65535.
 * Because of the lower case, `Foo/bar`, a host to Docker, would read back as docker.io/foo/bar: it is refused. A trailing
 * dot is refused too. A port is part of the name even if it is a protocol's default one: which port that is depends on
 * the protocol, and LinuxKit looks the name up as it was written.
 *
 * @throws HearthError REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  refuseForeign(text)
  const [named = '', digest, ...rest] = text.split('@')
  if (rest.length > 0 || (digest !== undefined && !isDigest(digest))) {
    throw invalid(
      text,
      'what follows "@" is not a digest (sha256:, sha512: or blake3: and lower-case hexadecimal digits)',
    )
  }
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon === -1 ? undefined : named.slice(colon + 1)
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, `the tag ${quote(tag)} is not 1 to 128 letters, digits, "_", "." and "-"`)
  }
  const name = parseName(colon === -1 ? named : named.slice(0, colon), text)
  if (digest !== undefined) return { ...name, ...(tag !== undefined && { tag }), digest }
  return { ...name, tag: tag ?? 'latest' }
}

/** The same for a text that may be none: undefined then. */
export function referenceIn(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch (error) {
    if (isHearthError(error, 'REFERENCE_INVALID')) return undefined
    throw error
  }
}

/** A stored name's reference if it is a full one. Others were given by other tools: any registry might be meant. */
export function fullReferenceIn(name: string): Reference | undefined {
  const reference = referenceIn(name)
  return reference !== undefined && formatReference(reference) === name ? reference : undefined
}

/** Whether a registry may list this as a tag. Spec: distribution-spec v1.1 "Pulling manifests". */
export function isTag(text: string): boolean {
  return TAG.test(text)
}

/** The full name: `registry/repository[:tag][@digest]`. {@link parseReference} gives the same reference back. */
export function formatReference(reference: Reference): string {
  const { tag, digest } = reference
  return repositoryName(reference) + (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
}

/** `registry/repository`: what all tags and digests of one repository share. */
export function repositoryName({ registry, repository }: Reference): string {
  return `${registry}/${repository}`
}

/** What people paste that is no reference, each with its own advice. */
function refuseForeign(text: string): void {
  if (text === '') throw invalid(text, 'it is empty')
  if (text.length > MAX_LENGTH) throw invalid(text, `it has more than ${MAX_LENGTH} characters`)
  if (/[^!-~]/.test(text)) throw invalid(text, 'it contains a blank, a control character or a letter beyond ASCII')
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(text)?.[0]
  if (scheme !== undefined) throw invalid(text, `leave out ${quote(scheme)}`)
  if (/^[a-f0-9]{64}$/.test(text) || isDigest(text)) throw invalid(text, 'a digest needs a repository: name@sha256:...')
}

function parseName(name: string, text: string): Pick<Reference, 'registry' | 'repository'> {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const hasHost = /[.:]/.test(first) || first.toLowerCase() === 'localhost'
  const host = hasHost ? parseHost(first, text) : DOCKER_HUB
  const registry = host === DOCKER_HUB_BEFORE ? DOCKER_HUB : host
  const path = hasHost ? name.slice(slash + 1) : name
  const repository = registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path
  if (!repository.split('/').every((component) => COMPONENT.test(component))) {
    if (/[A-Z]/.test(repository)) throw invalid(text, 'repository names are lower-case; a host needs a "." or a port')
    throw invalid(text, `the repository ${quote(path)} is not made of lower-case letters, digits and single separators`)
  }
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    throw invalid(text, `host and repository have more than ${MAX_NAME_LENGTH} characters`)
  }
  return { registry, repository }
}

function parseHost(written: string, text: string): string {
  const [, name, port] = HOST.exec(written.toLowerCase()) ?? []
  if (name === undefined || Number(port ?? 1) > 65_535) throw invalid(text, `${quote(written)} is not a host`)
  // The URL parser is the one that every request goes through: it knows that 127.1 and 0x7f.0.0.1 are 127.0.0.1.
  const url = `https://${name}/`
  const canonical = URL.canParse(url) ? new URL(url).hostname : undefined
  if (canonical === undefined || (canonical !== name && !name.startsWith('['))) {
    throw invalid(text, `${quote(written)} is not a host, or not the usual spelling of one`)
  }
  return canonical + (port === undefined ? '' : `:${port}`)
}

function invalid(text: string, why: string): HearthError {
  const found = quote(withoutUser(text))
  return new HearthError('REFERENCE_INVALID', `not an image reference: ${found}: ${why}`, { found })
}
