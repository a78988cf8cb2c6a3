/**
 * The parts of undici that hearth uses, and no others. Its index also loads fetch, WebSocket, caches and mocks: 83 ms
 * against 39 ms, in the main thread and in each worker. These are undici's own files, not its interface: the version is
 * pinned, and every test that speaks HTTP goes through here.
 */
import api from 'undici/lib/api/index.js'
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js'

export { default as buildConnector } from 'undici/lib/core/connect.js'
export { default as Agent } from 'undici/lib/dispatcher/agent.js'
export { default as Pool } from 'undici/lib/dispatcher/pool.js'
export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js'

// As undici's index does it: ProxyAgent calls connect(), and we call request(), on dispatchers that are born without.
Object.assign(Dispatcher.prototype, api)
