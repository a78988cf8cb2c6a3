import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Digest } from '../../src/oci/digest.js'
import type { BuiltImage } from './an-image.js'
import { type Answer, anAnswer, type Connection, writeAnswer } from './raw-answer.js'
import type { RawAuth } from './raw-auth.js'
import { type RawRequest, serveRequests } from './raw-http.js'
import { type Repository, type Route, routeOf } from './raw-routes.js'
import { type Match, matches, RawScript } from './raw-script.js'
import { RawSite, type SiteOptions } from './raw-site.js'
import type { RecordedRequest, Step } from './raw-steps.js'

export interface RawRegistryOptions extends SiteOptions {
  /** PEM. With it the server speaks TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Time that passes before each answer: a round trip. Default 0. */
  readonly latencyMs?: number
  /** Where one listened that has died. Default: a free one. */
  readonly port?: number
}

/** A real registry on the loopback address, on raw sockets, so that a test may break every rule of HTTP. */
export async function startRawRegistry(options: RawRegistryOptions = {}): Promise<RawRegistry> {
  const server = createServer({ noDelay: true })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return new RawRegistry(server, options)
}

export class RawRegistry {
  readonly port: number
  /** `127.0.0.1:port`, as it stands in references. */
  readonly host: string
  /** `http://127.0.0.1:port` or `https://…`. */
  readonly url: string
  /** Every request, oldest first. */
  readonly requests: RecordedRequest[] = []
  readonly #site: RawSite
  readonly #server: Server
  readonly #options: RawRegistryOptions
  readonly #secure: SecureContext | undefined
  readonly #script = new RawScript()
  /** Steps for requests that the site never gets to see. */
  readonly #refusals = new RawScript()
  readonly #breaks: { readonly match: Match; readonly bytes: number }[] = []
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new Set<{ readonly match: Match; readonly resolve: (request: RecordedRequest) => void }>()
  #connections = 0
  #sentBefore = 0

  constructor(server: Server, options: RawRegistryOptions) {
    this.#server = server
    this.#options = options
    this.#secure = options.tls && createSecureContext(options.tls)
    this.port = (server.address() as AddressInfo).port
    this.host = `127.0.0.1:${this.port}`
    this.url = `${options.tls ? 'https' : 'http'}://${this.host}`
    this.#site = new RawSite(options, this.url)
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** Tokens: how many were given out, and how to make them worthless. Undefined without authentication. */
  get auth(): RawAuth | undefined {
    return this.#site.auth
  }

  /** Serves the image under `repository`, and under the tag if there is one. Returns its reference. */
  add(image: BuiltImage, repository: string, tag?: string): string {
    this.#site.add(image, repository, tag)
    return `${this.host}/${repository}${tag === undefined ? `@${image.root.digest}` : `:${tag}`}`
  }

  /** Each request that matches takes the next step; when all are taken, answers are right again. */
  script(match: Match, ...steps: readonly Step[]): void {
    this.#script.add(match, steps)
  }

  /** Every request that matches, until the server is closed. */
  always(match: Match, step: Step): void {
    this.#script.addForEver(match, step)
  }

  /** As {@link script}, but the server does nothing of what it was asked. */
  refuse(match: Match, ...steps: readonly Step[]): void {
    this.#refusals.add(match, steps)
  }

  /** The same for every request that matches. */
  alwaysRefuse(match: Match, step: Step): void {
    this.#refusals.addForEver(match, step)
  }

  /** The next request that matches is reset after so many bytes of its body; what came is kept. */
  breakBody(match: Match, bytes: number): void {
    this.#breaks.push({ match, bytes })
  }

  /** What was pushed or added under that name. */
  repository(name: string): Repository {
    return this.#site.repository(name)
  }

  /** Uploads that were opened and neither finished nor cancelled. */
  get pendingUploads(): number {
    return this.#site.uploads?.pending ?? 0
  }

  requestsFor(match: Match): readonly RecordedRequest[] {
    return this.requests.filter((request) => matches(match, request))
  }

  /** GETs of blobs by digest, whatever came of them. */
  blobRequests(): ReadonlyMap<Digest, number> {
    const counts = new Map<Digest, number>()
    for (const { digest } of this.requestsFor({ kind: 'blob', method: 'GET' })) {
      if (digest !== undefined) counts.set(digest, (counts.get(digest) ?? 0) + 1)
    }
    return counts
  }

  /** Resolves with the first matching request that arrives from now on. */
  nextRequest(match: Match = {}): Promise<RecordedRequest> {
    return new Promise((resolve) => this.#waiting.add({ match, resolve }))
  }

  /** Connections that were ever opened, and those that are open now. */
  get connections(): { readonly opened: number; readonly open: number } {
    return { opened: this.#connections, open: this.#sockets.size }
  }

  /** Bytes given to the kernel on all connections, heads included. */
  get bytesSent(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#sentBefore)
  }

  /** Breaks all connections and stops listening. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(socket: Socket): void {
    this.#connections += 1
    const number = this.#connections
    this.#sockets.add(socket)
    const stream = this.#secure ? new TLSSocket(socket, { isServer: true, secureContext: this.#secure }) : socket
    const gone = new Promise((resolve) => socket.once('close', resolve))
    gone.then(() => {
      this.#sockets.delete(socket)
      this.#sentBefore += socket.bytesWritten
    })
    // Peers go away in the middle; that is what half of the tests are about.
    socket.on('error', () => {})
    stream.on('error', () => socket.destroy())
    const connection: Connection = { stream, socket, gone }
    let broken = false
    serveRequests(stream, {
      bodyLimit: (head) => {
        const { kind, digest } = routeOf(head.path)
        const seen = { ...head, kind, connection: number, ...(digest !== undefined && { digest }) }
        const place = this.#breaks.findIndex(({ match }) => matches(match, seen))
        const [found] = place < 0 ? [] : this.#breaks.splice(place, 1)
        broken = found !== undefined
        return found?.bytes
      },
      serve: async (request) => {
        if (!broken) return await this.#serve(request, connection, number)
        const { route, recorded } = this.#record(request, number)
        // Nothing ends an upload but the whole of its last request.
        const method = route.kind === 'upload' && request.method === 'PUT' ? 'PATCH' : request.method
        await this.#site.answer({ ...recorded, method }, route)
        socket.resetAndDestroy()
        return false
      },
    })
  }

  async #serve(request: RawRequest, connection: Connection, number: number): Promise<boolean> {
    const { route, recorded } = this.#record(request, number)
    const refusal = this.#refusals.take(recorded)
    const step = refusal ?? this.#script.take(recorded)
    const right = refusal === undefined ? await this.#site.answer(request, route) : anAnswer()
    const { range: _, ...headers } = request.headers
    const whole = (): Answer => this.#site.content({ ...request, headers }, route)
    const answer = step === undefined ? right : await step(right, { request: recorded, whole })
    await this.#latency()
    return writeAnswer(answer, request.method, connection)
  }

  #record(request: RawRequest, connection: number): { readonly route: Route; readonly recorded: RecordedRequest } {
    const route = routeOf(request.path)
    const { kind, digest } = route
    const recorded = { ...request, kind, connection, ...(digest !== undefined && { digest }) }
    this.requests.push(recorded)
    for (const waiter of this.#waiting) {
      if (!matches(waiter.match, recorded)) continue
      this.#waiting.delete(waiter)
      waiter.resolve(recorded)
    }
    return { route, recorded }
  }

  #latency(): Promise<void> | undefined {
    const { latencyMs } = this.#options
    if (!latencyMs) return undefined
    return new Promise((resolve) => setTimeout(resolve, latencyMs).unref())
  }
}
