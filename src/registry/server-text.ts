/**
 * Text that a server chose, made fit to stand in a message or a terminal: bounded, control and direction characters
 * escaped, and what looks like a credential or a URL's query taken out, since a server may echo what it was sent.
 */
export function serverText(text: string, maxCharacters = 300): string {
  // Cut before replacing as well: the work stays bounded whatever came.
  const cut = text.length > 4 * maxCharacters ? text.slice(0, 4 * maxCharacters) : text
  const clean = cut
    .replace(/\b(bearer|basic|negotiate)\s+[A-Za-z0-9._~+/=-]+/gi, '$1 ***')
    .replace(/\beyJ[A-Za-z0-9._-]{8,}/g, '***')
    .replace(/(https?:\/\/)[^\s/?#@]*@/gi, '$1***@')
    .replace(/(https?:\/\/[^\s?"']*)\?[^\s"']*/gi, '$1?***')
    .replace(/\b(token|access_token|refresh_token|password|secret|sig|signature)=[^\s&"']+/gi, '$1=***')
    .replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return clean.length > maxCharacters ? `${clean.slice(0, maxCharacters)}…` : clean
}

/** C0, DEL, C1, and the characters that change a line's direction or end it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
