/** undici's own files that http-undici.ts loads one by one; its published types cover the index alone. */
declare module 'undici/lib/core/connect.js' {
  export { buildConnector as default } from 'undici'
}
declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici'
}
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici'
}
declare module 'undici/lib/dispatcher/proxy-agent.js' {
  export { ProxyAgent as default } from 'undici'
}
declare module 'undici/lib/dispatcher/dispatcher.js' {
  export { Dispatcher as default } from 'undici'
}
declare module 'undici/lib/api/index.js' {
  /** request, stream, pipeline, connect and upgrade, to be put on the prototype of all dispatchers. */
  const api: Readonly<Record<string, unknown>>
  export default api
}
