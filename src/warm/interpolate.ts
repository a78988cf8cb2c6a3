import type { Environment } from '../options.js'
import type { LocatedText } from './located.js'
import { inputInvalid } from './place.js'

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/
/** More levels of `${A:-${B:-…}}` than anybody writes. */
const MAX_DEPTH = 16

/**
 * Text with its variables replaced, as Compose does it:
 *
 *     variable ::= "$$" | "$" name | "${" name [ operator text ] "}"
 *     operator ::= ":-" | "-"  text if unset (":": or empty)   | ":?" | "?"  an error that says text, if unset (or empty)
 *                | ":+" | "+"  text if set (":": and not empty), else nothing
 *
 * Unlike in Compose, a variable that is unset and has no default is an error: an image with a hole in its name is never
 * what was meant. Spec: compose-spec 12-interpolation.md.
 * @throws HearthError INPUT_INVALID
 */
export function interpolate(located: LocatedText, env: Environment): LocatedText {
  if (!located.text.includes('$')) return located
  return { ...located, text: replaceAll(located.text, { located, env, depth: 0 }) }
}

interface Context {
  readonly located: LocatedText
  readonly env: Environment
  readonly depth: number
}

function replaceAll(text: string, context: Context): string {
  let replaced = ''
  let rest = text
  for (let dollar = rest.indexOf('$'); dollar !== -1; dollar = rest.indexOf('$')) {
    replaced += rest.slice(0, dollar)
    const [value, length] = replaceOne(rest.slice(dollar), context)
    replaced += value
    rest = rest.slice(dollar + length)
  }
  return replaced + rest
}

/** What the variable at the start of `text` stands for, and how many characters it takes. */
function replaceOne(text: string, context: Context): readonly [value: string, length: number] {
  if (text.startsWith('$$')) return ['$', 2]
  if (!text.startsWith('${')) {
    const [name] = NAME.exec(text.slice(1)) ?? []
    if (name === undefined) throw invalid(context, 'a "$" that begins no variable; write "$$" for the character')
    return [demand(name, context), 1 + name.length]
  }
  const end = closingBrace(text)
  if (end === -1) throw invalid(context, 'an opening brace without its end')
  return [replaceBraced(text.slice(2, end), context), end + 1]
}

function replaceBraced(inside: string, context: Context): string {
  const [name = ''] = NAME.exec(inside) ?? []
  const [, operator, text = ''] = /^(:?[-?+])(.*)$/s.exec(inside.slice(name.length)) ?? []
  if (name === '' || (operator === undefined && name !== inside)) {
    throw invalid(context, `"\${${inside}}" is not a variable`)
  }
  if (operator === undefined) return demand(name, context)
  const value = lookUp(name, context)
  const counts = value !== undefined && !(operator.startsWith(':') && value === '')
  const expand = (): string => {
    if (context.depth === MAX_DEPTH) throw invalid(context, 'variables nested too deeply')
    return replaceAll(text, { ...context, depth: context.depth + 1 })
  }
  if (operator.endsWith('+')) return counts ? expand() : ''
  if (counts) return value
  if (operator.endsWith('-')) return expand()
  throw invalid(context, `the variable ${name} is missing: ${expand()}`)
}

/** The "}" that belongs to the "${" at the start. */
function closingBrace(text: string): number {
  let open = 0
  for (let at = 0; at < text.length; at++) {
    if (text.startsWith('${', at)) open++
    else if (text[at] === '}' && --open === 0) return at
  }
  return -1
}

function demand(name: string, context: Context): string {
  const value = lookUp(name, context)
  if (value === undefined) throw invalid(context, `the variable ${name} is not set and has no default`)
  return value
}

function lookUp(name: string, { env }: Context): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined
}

function invalid({ located }: Context, reason: string): Error {
  return inputInvalid(located.place, reason)
}
