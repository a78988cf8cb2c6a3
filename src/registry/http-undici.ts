/**
 * The parts of undici that hearth uses, and no others. Its index also loads fetch, WebSocket, caches and mocks: 83 ms
 * against 39 ms, in the main thread and in each worker. These are undici's own files, not its interface: the version is
 * pinned, and every test that speaks HTTP goes through here.
 */
import type { Dispatcher } from 'undici'
import requestOf from 'undici/lib/api/api-request.js'

export { default as buildConnector } from 'undici/lib/core/connect.js'
export { default as Agent } from 'undici/lib/dispatcher/agent.js'
export { default as Pool } from 'undici/lib/dispatcher/pool.js'
export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js'

/** One request, its body as a stream. */
export function request(dispatcher: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
  return requestOf.call(dispatcher, options)
}
