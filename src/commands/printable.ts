// Everything a terminal acts on or hides instead of showing it: C0 and C1 controls (ESC and CSI begin ANSI escapes),
// bidirectional overrides and zero-width characters (Cf), lone surrogates, private use, line and paragraph separators.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu
const UNSAFE_IN_JSON = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu
const PLAIN = /^[\x20-\x7e]*$/
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60]/u

/**
 * Text from outside (names, annotations, servers' messages) as one harmless line: what could drive a terminal or make
 * one name look like another shows as `\uXXXX`.
 */
export function printable(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSAFE, escapeUnits)
}

/** JSON that parses to the same value and is harmless on a terminal. JSON.stringify alone lets C1 and bidi pass. */
export function printableJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE_IN_JSON, escapeUnits)
}

/** Columns that printable text takes on a terminal. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

/** The text, or as much of it as fits into `columns` with an ellipsis at the end. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let used = 1
  for (const character of text) {
    used += widthOf(character)
    if (used > columns) break
    kept += character
  }
  return columns < 1 ? '' : `${kept}…`
}

function widthOf(character: string): number {
  if (/\p{M}/u.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

function escapeUnits(character: string): string {
  let escaped = ''
  for (let unit = 0; unit < character.length; unit++) {
    escaped += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`
  }
  return escaped
}
