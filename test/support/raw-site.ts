import type { BuiltImage } from './an-image.js'
import { type Answer, anAnswer, errorAnswer } from './raw-answer.js'
import { type AuthOptions, RawAuth } from './raw-auth.js'
import type { RawRequest } from './raw-http.js'
import { Repository, type Route, type RouteOptions } from './raw-routes.js'
import { RawUploads, type UploadOptions } from './raw-uploads.js'

export interface SiteOptions extends Partial<RouteOptions> {
  readonly auth?: AuthOptions
  /** Without it nothing can be pushed. */
  readonly uploads?: UploadOptions
  /** Speed of a body on one connection. Default: as fast as it goes. */
  readonly bytesPerSecond?: number
}

/** What a registry knows: its repositories and who may read them. Gives the right answer to each request. */
export class RawSite {
  readonly auth: RawAuth | undefined
  readonly uploads: RawUploads | undefined
  readonly #options: SiteOptions
  readonly #repositories = new Map<string, Repository>()

  constructor(options: SiteOptions, url: string) {
    this.#options = options
    this.auth = options.auth && new RawAuth(options.auth, `${url}/token`)
    this.uploads = options.uploads && new RawUploads(options.uploads, (name) => this.repository(name))
  }

  add(image: BuiltImage, repository: string, tag?: string): void {
    this.repository(repository).add(image, tag)
  }

  /** Made when it is new. */
  repository(name: string): Repository {
    const held = this.#repositories.get(name) ?? new Repository()
    this.#repositories.set(name, held)
    return held
  }

  /** Asks for authorisation first, and counts the use of a token: call it once for each request. */
  answer(request: RawRequest, route: Route): Answer | Promise<Answer> {
    if (route.kind === 'token') return this.auth?.token(request) ?? errorAnswer(404, 'UNSUPPORTED')
    return this.auth?.refusal(request, route) ?? this.#pushed(request, route) ?? this.content(request, route)
  }

  #pushed(request: RawRequest, route: Route): Promise<Answer> | undefined {
    if (route.kind === 'upload') return this.uploads?.answer(request, route)
    return route.kind === 'manifest' && request.method === 'PUT' ? this.uploads?.publish(request, route) : undefined
  }

  /** The answer to someone who may read everything. */
  content(request: RawRequest, route: Route): Answer {
    const { ranges = true, digestHeader = true, head = true, referrersPerPage, bytesPerSecond } = this.#options
    if (route.kind === 'ping') return anAnswer({ headers: { 'Docker-Distribution-API-Version': 'registry/2.0' } })
    const repository = this.#repositories.get(route.repository ?? '')
    if (repository === undefined) return errorAnswer(404, 'NAME_UNKNOWN')
    const answer = repository.answer(route, request, {
      ...{ ranges, digestHeader, head },
      ...(referrersPerPage !== undefined && { referrersPerPage }),
    })
    // A hundredth of a second's worth at a time: smooth enough for a reader, few enough timers.
    const pace = bytesPerSecond && { bytes: Math.ceil(bytesPerSecond / 100), everyMs: 10 }
    return pace ? { ...answer, pace } : answer
  }
}
