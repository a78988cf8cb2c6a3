import type { LocatedText } from './located.js'
import { inputInvalid } from './place.js'
import { type FormatOptions, type WantedImage, wantImage } from './wanted-image.js'

/**
 * One image a line, in the order of the file:
 *
 *     line ::= [ reference [ blanks platform { "," platform } ] ] [ "#" comment ]
 *
 * A "#" begins a comment at the start of a line and after a blank. A platform stands for this image in place of the job's.
 * @throws HearthError INPUT_INVALID
 */
export function readLines(text: string, { file }: FormatOptions): WantedImage[] {
  return text.split('\n').flatMap((line, index) => {
    const [reference, platforms, extra] = wordsOf(line, { file, line: index + 1 })
    if (reference === undefined) return []
    if (extra !== undefined) throw inputInvalid(extra.place, 'more than a reference and its platforms on one line')
    return [wantImage(reference, platforms === undefined ? [] : splitList(platforms))]
  })
}

/** Pure. Whether this can only be lines: the reader of YAML, which takes 30 ms to load, need not be asked. */
export function looksLikeLines(text: string): boolean {
  return text.split('\n').every((line) => {
    const words = line.replace(/(^|\s)#.*$/, '').trim()
    return !/^(?:[-?]|---|%\S+|[[{"'&*!|>].*)(?:\s|$)|:(?:\s|$)/.test(words)
  })
}

function wordsOf(line: string, place: { readonly file: string; readonly line: number }): LocatedText[] {
  const words: LocatedText[] = []
  for (const { 0: text, index } of line.matchAll(/\S+/g)) {
    if (text.startsWith('#')) break
    words.push({ kind: 'text', text, place: { ...place, column: index + 1 } })
  }
  return words
}

function splitList({ text, place }: LocatedText): LocatedText[] {
  let column = place.column
  return text.split(',').map((part) => {
    const located: LocatedText = { kind: 'text', text: part, place: { ...place, column } }
    column += part.length + 1
    return located
  })
}
