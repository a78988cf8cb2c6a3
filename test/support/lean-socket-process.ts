/** Receives the body of a URL over a lean socket, keeps nothing of it, and prints the megabytes of memory that it took at most. */
import { openTransport } from '../../src/registry/http-dispatcher.js'
import { buildLeanConnector } from '../../src/registry/http-lean-socket.js'
import { aTransport } from './a-transport.js'

const url = new URL(process.argv[2] ?? '')
const transport = openTransport(aTransport(), { build: buildLeanConnector })
await new Promise<void>((resolve, reject) => {
  transport.home.dispatch(
    { origin: url.origin, path: url.pathname, method: 'GET' },
    {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => resolve(),
      onResponseError: (_, error) => reject(error),
    },
  )
})
await transport.close()
process.stdout.write(String(Math.round(process.resourceUsage().maxRSS / 1024)))
