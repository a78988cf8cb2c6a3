/** What a request was for; stands in the details of every error of this folder. */
export type Step = 'resolve' | 'manifest' | 'blob' | 'token' | 'tags' | 'referrers' | 'upload' | 'publish'

/** Which server was asked, and for what. A type alias, because error details take it as it is. */
export type Where = {
  /** Host, with the port where it is not the scheme's own. */
  readonly host: string
  readonly step: Step
}
