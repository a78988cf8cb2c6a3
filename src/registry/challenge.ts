/** One way to authenticate that a server offers. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** Names in lower case. A map, because the names come from the server: `__proto__` is just a name here. */
  readonly params: ReadonlyMap<string, string>
}

const MAX_CHARACTERS = 16_384
const MAX_CHALLENGES = 32

const SEPARATORS = /[\s,]*/y
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const TOKEN68 = /[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\[\s\S])*)"/y

/**
 * The challenges of one or more WWW-Authenticate fields, in order. Never throws: what is malformed ends the list.
 * Spec: RFC 9110 sections 5.6 and 11.6.1.
 *
 *     list      ::= challenge *( "," challenge )
 *     challenge ::= scheme [ 1*SP ( token68 | param *( "," param ) ) ]
 *     param     ::= token "=" ( token | '"' *( char | "\" char ) '"' )
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = (typeof header === 'string' ? [header] : (header ?? [])).join(', ').slice(0, MAX_CHARACTERS)
  const found: { readonly scheme: string; readonly params: Map<string, string> }[] = []
  const scan = new Scanner(text)
  while (!scan.done) {
    scan.take(SEPARATORS)
    const name = scan.take(TOKEN)?.[0].toLowerCase()
    if (name === undefined) break
    if (scan.take(EQUALS) === undefined) {
      if (found.length === MAX_CHALLENGES) break
      found.push({ scheme: name, params: new Map() })
      scan.take(TOKEN68)
      continue
    }
    const value = scan.takeValue()
    const params = found.at(-1)?.params
    if (value === undefined || params === undefined) break
    // The first of two equal names counts: a proxy can only append.
    if (!params.has(name)) params.set(name, value)
  }
  return found
}

class Scanner {
  #at = 0
  constructor(readonly text: string) {}

  get done(): boolean {
    return this.#at >= this.text.length
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.text)
    if (match === null) return undefined
    this.#at += match[0].length
    return match
  }

  takeValue(): string | undefined {
    const quoted = this.take(QUOTED)?.[1]
    return quoted === undefined ? this.take(TOKEN)?.[0] : quoted.replace(/\\([\s\S])/g, '$1')
  }
}
