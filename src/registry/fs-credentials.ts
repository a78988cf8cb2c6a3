import { readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { HearthError } from '../errors.js'
import type { Account, Credential, Credentials } from './credentials.js'
import { type DockerConfig, type HelperCall, helperFor, inlineCredential, parseDockerConfig } from './docker-config.js'
import { ExpiringCache } from './expiring-cache.js'
import { askHelper } from './fs-credential-helper.js'

export interface FsCredentialsOptions {
  /** The only place to look when it is given; it must be there. */
  readonly authFile?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home folder. */
  readonly home: string
}

interface Place {
  readonly path: string
  readonly required: boolean
}

/** A helper may take a second and ask for a fingerprint: not once per repository. What it gives lasts for hours. */
const HELPER_TTL_MS = 5 * 60_000
const MAX_CONFIG_BYTES = 1024 * 1024

/**
 * Credentials where docker, podman and skopeo leave them. In this order, and the first place that has an entry wins:
 * REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json or ~/.docker/config.json, $XDG_RUNTIME_DIR/containers/auth.json.
 * Files are read again for each question, so that a login in between counts; a helper's answer is kept for five minutes.
 */
export class FsCredentials implements Credentials {
  readonly #helped = new ExpiringCache<Credential | undefined>(() => performance.now())

  constructor(private readonly options: FsCredentialsOptions) {}

  async find(account: Account, options: { readonly signal?: AbortSignal } = {}): Promise<Credential | undefined> {
    for (const place of placesOf(this.options)) {
      const config = await readConfig(place)
      const credential = config && (await this.#findIn(config, account, { ...options, place: place.path }))
      if (credential !== undefined) return credential
    }
    return undefined
  }

  /** A helper first; what the file itself holds is from before the helper was set up, if anything. */
  async #findIn(
    config: DockerConfig,
    account: Account,
    { place, signal }: { readonly place: string; readonly signal?: AbortSignal },
  ): Promise<Credential | undefined> {
    const call = helperFor(config, account, place)
    const kept = call && (await this.#ask(call, signal))
    return kept ?? inlineCredential(config, account, place)
  }

  #ask(call: HelperCall, signal: AbortSignal | undefined): Promise<Credential | undefined> {
    const { env } = this.options
    const load = async (loadSignal: AbortSignal) => {
      return { value: await askHelper(call, { env, signal: loadSignal }), ttlMs: HELPER_TTL_MS }
    }
    return this.#helped.get(`${call.program} ${call.server}`, load, signal)
  }
}

function placesOf({ authFile, env, home }: FsCredentialsOptions): Place[] {
  if (authFile !== undefined) return [{ path: authFile, required: true }]
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_RUNTIME_DIR } = env
  const optional = (path: string): Place => ({ path, required: false })
  return [
    ...(REGISTRY_AUTH_FILE ? [optional(REGISTRY_AUTH_FILE)] : []),
    optional(join(DOCKER_CONFIG || join(home, '.docker'), 'config.json')),
    // The XDG specification has relative paths ignored.
    ...(XDG_RUNTIME_DIR && isAbsolute(XDG_RUNTIME_DIR)
      ? [optional(join(XDG_RUNTIME_DIR, 'containers', 'auth.json'))]
      : []),
  ]
}

async function readConfig({ path, required }: Place): Promise<DockerConfig | undefined> {
  try {
    const { size } = await stat(path)
    if (size > MAX_CONFIG_BYTES) throw new HearthError('CREDENTIALS_FAILED', `${path} is too large`, { place: path })
    return parseDockerConfig(await readFile(path, 'utf8'), path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (!required && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined
    if (cause instanceof HearthError) throw cause
    throw new HearthError('CREDENTIALS_FAILED', `${path} cannot be read (${code})`, { place: path }, cause)
  }
}
