import type { Digest } from '../../src/oci/digest.js'
import type { RecordedRequest, RequestKind, Step } from './raw-steps.js'

/** Which requests are meant; every field that is there must fit. */
export interface Match {
  readonly kind?: RequestKind
  readonly method?: string
  readonly digest?: Digest
  readonly path?: string | RegExp
  /** Whether the request has a Range header. */
  readonly range?: boolean
  /** Whether its body is larger than this. */
  readonly bodyOver?: number
}

export function matches(match: Match, request: RecordedRequest): boolean {
  return (
    (match.kind === undefined || match.kind === request.kind) &&
    (match.method === undefined || match.method === request.method) &&
    (match.digest === undefined || match.digest === request.digest) &&
    (match.path === undefined ||
      (typeof match.path === 'string' ? match.path === request.path : match.path.test(request.path))) &&
    (match.range === undefined || match.range === (request.headers.range !== undefined)) &&
    (match.bodyOver === undefined || request.bytes.length > match.bodyOver)
  )
}

interface Line {
  readonly match: Match
  readonly steps: Step[]
  readonly forEver: boolean
}

/** Which step each request takes. Lines are looked at in the order in which they were written. */
export class RawScript {
  readonly #lines: Line[] = []

  add(match: Match, steps: readonly Step[]): void {
    this.#lines.push({ match, steps: [...steps], forEver: false })
  }

  addForEver(match: Match, step: Step): void {
    this.#lines.push({ match, steps: [step], forEver: true })
  }

  /** The step for this request; it is used up unless it stands for ever. */
  take(request: RecordedRequest): Step | undefined {
    const line = this.#lines.find(({ match, steps }) => steps.length > 0 && matches(match, request))
    return line?.forEver ? line.steps[0] : line?.steps.shift()
  }
}
