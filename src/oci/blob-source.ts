/**
 * Where one blob can be had, as plain data: it crosses into a worker thread. `headers` may hold a credential for exactly
 * the origin of `url`; whoever follows a redirect away from it must drop them. Never log or store a value of this type.
 */
export interface BlobSource {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Host and port of the endpoint: names the lane, stands in errors and progress. */
  readonly host: string
}
