/** Response headers as Node and undici give them: names in lower case, a list where a field came more than once. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>

/** The one value of a field; undefined when it is missing or came more than once with different values. */
export function singleHeader(headers: HeaderFields, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  if (value === undefined || typeof value === 'string') return value
  return value.every((other) => other === value[0]) ? value[0] : undefined
}

/** All values of a field. */
export function allHeaders(headers: HeaderFields, name: string): readonly string[] {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}
