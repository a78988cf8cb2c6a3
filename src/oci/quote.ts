/**
 * Foreign text for a message or a terminal: in double quotes, cut after `limit` characters, and with everything but
 * printable ASCII escaped, so that it can neither end the line, nor move the cursor, nor turn the reading direction.
 */
export function quote(text: string, limit = 100): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text
  return JSON.stringify(cut).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
