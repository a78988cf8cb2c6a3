import { type Agent, type ClientRequest, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: Agent
  readonly ca?: string
}

export interface Asked {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Code of the error in the middle of the body, where one came. */
  readonly broken?: string
}

/**
 * One request by node:http: a second opinion on what a server sends, with none of our own client in it.
 * Rejects when no response came.
 */
export function ask(url: string, { body, ca, ...options }: AskOptions = {}): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? httpsRequest : httpRequest
    const request: ClientRequest = start(url, { agent: false, ...options, ...(ca !== undefined && { ca }) })
    request.on('error', reject)
    request.on('response', (response) => {
      const pieces: Buffer[] = []
      const done = (broken?: string): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(pieces),
          ...(broken !== undefined && { broken }),
        })
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => done())
      response.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    })
    request.end(body)
  })
}
