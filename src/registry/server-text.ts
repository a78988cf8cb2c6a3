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

/**
 * The same text without the Authorization that its server was sent, in any form in which it might come back: a token that
 * looks like any other word can only be found by knowing it.
 */
export function withoutSent(text: string, authorization: string | undefined): string {
  const [, scheme = '', value = ''] = /^(\w+) (.+)$/.exec(authorization ?? '') ?? []
  const plain = scheme.toLowerCase() === 'basic' ? Buffer.from(value, 'base64').toString('utf8') : ''
  const secrets = [value, encodeURIComponent(value), plain, plain.replace(/^[^:]*:/, '')]
  // What is shorter is part of ordinary words, and found by trying anyway.
  return secrets
    .filter((secret) => secret.length >= MIN_SECRET_CHARACTERS)
    .reduce((cleaned, secret) => cleaned.replaceAll(secret, '***'), text)
}

const MIN_SECRET_CHARACTERS = 4

/** C0, DEL, C1, and the characters that change a line's direction or end it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
