import { isHearthError } from '../errors.js'
import { BlobExchange, type BlobRequest, type BlobSink, isPart } from './http-blob-exchange.js'
import type { Transport } from './http-dispatcher.js'
import { firstHop, nextHop } from './redirect.js'
import { USER_AGENT } from './user-agent.js'

/**
 * Streams one blob, or the rest of it, into a sink: no stream machinery, one synchronous call per read of the socket.
 * Follows redirects by hand. Resolves when the body ended where it had to; whether the bytes are right is the caller's.
 * @throws HearthError RANGE_INVALID when the answer does not fit the range asked for (begin again from zero),
 * SIZE_MISMATCH when it is longer or shorter than the blob by its own account, CONNECTION_LOST when it broke off,
 * TIMEOUT when it stood still or trickled, UNAUTHORIZED (details.challenge), BLOB_UNKNOWN, ABORTED …
 */
export async function requestBlob(transport: Transport, request: BlobRequest, sink: BlobSink): Promise<void> {
  try {
    return await followToBlob(transport, request, sink)
  } catch (error) {
    // A signed URL may have expired on the way: the registry makes a new one. RELIABILITY 6, row 12.
    if (!isHearthError(error, 'DENIED') || error.details.target === undefined) throw error
    return await followToBlob(transport, request, sink)
  }
}

async function followToBlob(transport: Transport, request: BlobRequest, sink: BlobSink): Promise<void> {
  const { source, from, to, size, fresh } = request
  const headers = {
    ...source.headers,
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...(isPart(request) && { range: `bytes=${from}-${to < size ? to - 1 : ''}` }),
    ...(fresh && { 'cache-control': 'no-cache' }),
  }
  let hop = firstHop(new URL(source.url), headers, { host: source.host, step: 'blob' })
  for (;;) {
    const answer = await new BlobExchange(request, sink, hop).run(hop.foreign ? transport.foreign : transport.home)
    if (answer.kind === 'complete') return
    hop = nextHop(hop, answer.status, answer.location)
  }
}
