import { HearthError } from '../errors.js'
import type { Account, Credential } from './credentials.js'

/** Docker's `config.json` or containers' `auth.json`, unread but for its frame: one broken entry harms nobody else. */
export interface DockerConfig {
  /** Keys normalised: `host`, or `host/path` as containers writes them. */
  readonly auths: ReadonlyMap<string, unknown>
  readonly credHelpers: ReadonlyMap<string, string>
  readonly credsStore?: string
}

/** A program to ask, as `docker-credential-<program>`, and the name to ask it for. */
export interface HelperCall {
  readonly program: string
  readonly server: string
}

const DOCKER_HUB = 'docker.io'
/** What `docker login` calls the hub. */
const DOCKER_HUB_SERVER = 'https://index.docker.io/v1/'
const DOCKER_HUB_HOSTS: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])
/** Row C9 of RELIABILITY 7.1: the name becomes part of a file name. */
const PROGRAM = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** Docker's way to say that a password is an identity token. */
const TOKEN_USER = '<token>'

/**
 * @param place names the file in errors.
 * @throws HearthError CREDENTIALS_FAILED when it is no JSON object, or names a program that cannot be one.
 */
export function parseDockerConfig(text: string, place: string): DockerConfig {
  const { auths, credHelpers, credsStore } = parseRoot(text, place)
  if (credsStore !== undefined && typeof credsStore !== 'string') throw broken(place, 'credsStore')
  const helpers = Object.entries(objectIn(credHelpers, place, 'credHelpers')).map(([key, program]) => {
    if (typeof program !== 'string') throw broken(place, 'credHelpers')
    return [normaliseKey(key), program] as const
  })
  return {
    auths: new Map(Object.entries(objectIn(auths, place, 'auths')).map(([key, entry]) => [normaliseKey(key), entry])),
    credHelpers: new Map(helpers.filter(([, program]) => program !== '')),
    ...(credsStore !== undefined && credsStore !== '' && { credsStore }),
  }
}

/**
 * The program that this registry's credential is kept by; undefined when the file keeps it itself, or not at all.
 * @throws HearthError CREDENTIALS_FAILED when the program's name cannot be one.
 */
export function helperFor(config: DockerConfig, { registry }: Account, place: string): HelperCall | undefined {
  const host = normaliseKey(registry)
  const program = config.credHelpers.get(host) ?? config.credsStore
  if (program === undefined) return undefined
  if (!PROGRAM.test(program)) throw broken(place, 'the name of a credential helper')
  return { program, server: host === DOCKER_HUB ? DOCKER_HUB_SERVER : registry }
}

/**
 * The credential written in the file itself: the entry for the longest part of `registry/repository`, and only for exactly
 * this host. An entry without anything in it counts as none.
 * @throws HearthError CREDENTIALS_FAILED when that entry cannot be read.
 */
export function inlineCredential(
  config: DockerConfig,
  { registry, repository }: Account,
  place: string,
): Credential | undefined {
  const path = `${normaliseKey(registry)}/${repository}`
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const entry = config.auths.get(path.slice(0, end))
    const credential = entry === undefined ? undefined : parseEntry(entry, place)
    if (credential !== undefined) return credential
  }
  return undefined
}

/**
 * One spelling for each host: lower case, no trailing dot, punycode, no port 443. A key with a scheme is for a whole host,
 * as docker writes it; one without may have a path, as containers does.
 */
function normaliseKey(key: string): string {
  const [, scheme, host = '', path = ''] = /^(https?:\/\/)?([^/]*)\/?(.*)$/i.exec(key) ?? []
  const href = `https://${host}`
  // What is no host, `user@host` for example, is kept as it is: it will match nothing.
  if (!URL.canParse(href) || new URL(href).href !== `${new URL(href).origin}/`) return key
  const name = new URL(href).host.replace(/\.(?=:\d+$|$)/, '')
  const trimmed = path.replace(/\/+$/, '')
  const hub = DOCKER_HUB_HOSTS.has(name) ? DOCKER_HUB : name
  return scheme !== undefined || trimmed === '' || /^v[12]$/.test(trimmed) ? hub : `${hub}/${trimmed}`
}

function parseEntry(entry: unknown, place: string): Credential | undefined {
  const fields = objectIn(entry, place, 'an entry of auths')
  const text = (name: string): string => {
    const value = fields[name] ?? ''
    if (typeof value !== 'string') throw broken(place, 'an entry of auths')
    return value
  }
  if (text('identitytoken') !== '') return { kind: 'identity', token: text('identitytoken') }
  if (text('registrytoken') !== '') return { kind: 'bearer', token: text('registrytoken') }
  if (text('auth') === '')
    return text('username') === '' ? undefined : userCredential(text('username'), text('password'))
  const [, username, password] = /^([^:]*):([\s\S]*)$/.exec(decodeBase64(text('auth'), place)) ?? []
  if (username === undefined || password === undefined) throw broken(place, 'an auth value')
  // Docker has written passwords padded with NUL.
  return userCredential(username, password.replace(/^\0+|\0+$/g, ''))
}

export function userCredential(username: string, password: string): Credential {
  return username === TOKEN_USER ? { kind: 'identity', token: password } : { kind: 'basic', username, password }
}

function decodeBase64(text: string, place: string): string {
  if (!/^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(text)) throw broken(place, 'an auth value')
  return Buffer.from(text, 'base64').toString('utf8')
}

function parseRoot(text: string, place: string): Record<string, unknown> {
  try {
    return objectIn(JSON.parse(text), place, 'the file')
  } catch (error) {
    // The parser's message quotes the text around the mistake, which may be a password: not kept as the cause.
    if (error instanceof SyntaxError) throw broken(place, 'the file')
    throw error
  }
}

function objectIn(value: unknown, place: string, what: string): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw broken(place, what)
  return value as Record<string, unknown>
}

function broken(place: string, what: string): HearthError {
  return new HearthError('CREDENTIALS_FAILED', `${place}: ${what} cannot be read`, { place })
}
