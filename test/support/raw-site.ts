import type { BuiltImage } from './an-image.js'
import { type Answer, anAnswer, errorAnswer } from './raw-answer.js'
import { type AuthOptions, RawAuth } from './raw-auth.js'
import type { RawRequest } from './raw-http.js'
import { Repository, type Route, type RouteOptions } from './raw-routes.js'

export interface SiteOptions extends Partial<RouteOptions> {
  readonly auth?: AuthOptions
  /** Speed of a body on one connection. Default: as fast as it goes. */
  readonly bytesPerSecond?: number
}

/** What a registry knows: its repositories and who may read them. Gives the right answer to each request. */
export class RawSite {
  readonly auth: RawAuth | undefined
  readonly #options: SiteOptions
  readonly #repositories = new Map<string, Repository>()

  constructor(options: SiteOptions, url: string) {
    this.#options = options
    this.auth = options.auth && new RawAuth(options.auth, `${url}/token`)
  }

  add(image: BuiltImage, repository: string, tag?: string): void {
    const held = this.#repositories.get(repository) ?? new Repository()
    this.#repositories.set(repository, held)
    held.add(image, tag)
  }

  /** Asks for authorisation first, and counts the use of a token: call it once for each request. */
  answer(request: RawRequest, route: Route): Answer {
    if (route.kind === 'token') return this.auth?.token(request) ?? errorAnswer(404, 'UNSUPPORTED')
    return this.auth?.refusal(request, route) ?? this.content(request, route)
  }

  /** The answer to someone who may read everything. */
  content(request: RawRequest, route: Route): Answer {
    const { ranges = true, digestHeader = true, head = true, bytesPerSecond } = this.#options
    if (route.kind === 'ping') return anAnswer({ headers: { 'Docker-Distribution-API-Version': 'registry/2.0' } })
    const repository = this.#repositories.get(route.repository ?? '')
    if (repository === undefined) return errorAnswer(404, 'NAME_UNKNOWN')
    const answer = repository.answer(route, request, { ranges, digestHeader, head })
    // A hundredth of a second's worth at a time: smooth enough for a reader, few enough timers.
    const pace = bytesPerSecond && { bytes: Math.ceil(bytesPerSecond / 100), everyMs: 10 }
    return pace ? { ...answer, pace } : answer
  }
}
