import type { Access } from './access.js'
import type { HttpAuth } from './http-auth.js'
import { type Exchanged, type ExchangeRequest, exchange } from './http-client.js'
import type { Transport } from './http-dispatcher.js'
import type { Endpoint } from './mirrors.js'

/** Who asks whom about which repository. */
export interface RepositoryRequest {
  readonly transport: Transport
  readonly auth: HttpAuth
  readonly now: () => number
  readonly endpoint: Endpoint
  readonly repository: string
  /** Default: to read. */
  readonly access?: Access
  readonly signal?: AbortSignal
}

/** Sends what is known to be wanted, and answers a 401 once. */
export async function exchangeAuthorized(
  { auth, endpoint, repository, access, transport, signal }: RepositoryRequest,
  asked: Omit<ExchangeRequest, 'signal'>,
): Promise<Exchanged> {
  const target = { endpoint, repository, step: asked.where.step, ...(access !== undefined && { access }) }
  const ask = (authorization: string | undefined): Promise<Exchanged> => {
    const headers = { ...asked.headers, ...(authorization !== undefined && { authorization }) }
    return exchange({ ...asked, headers, ...(signal !== undefined && { signal }) }, transport)
  }
  const refused = await auth.offer(target, signal)
  const first = await ask(refused)
  const challenge = first.headers['www-authenticate']
  // Elsewhere than at the registry nobody may ask for credentials, and without a challenge there is nothing to answer.
  if (first.status !== 401 || first.foreign || challenge === undefined) return first
  return ask(
    await auth.answer(target, { challenge, ...(refused !== undefined && { refused }), ...(signal && { signal }) }),
  )
}
