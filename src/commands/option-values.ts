import { InvalidArgumentError } from 'commander'
import { parseBytes, parseDuration } from './quantities.js'

/** Parser of a repeatable option: all values, in order. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value]
}

/** Parser of a repeatable option whose values may also be joined by commas. */
export function collectList(value: string, earlier: string[] = []): string[] {
  return [...earlier, ...value.split(',')]
}

/** Parser of an option that is a whole number, `lowest` or more. */
export function wholeNumber(lowest: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < lowest) {
      throw new InvalidArgumentError(`It must be a whole number, ${lowest} or more.`)
    }
    return number
  }
}

/** Parser of an option that is a size; gives bytes. */
export function size(value: string): number {
  return valid(parseBytes(value), 'It must be a size like 500MB, 20GiB, or a number of bytes.')
}

/** Parser of an option that is a span of time; gives milliseconds. */
export function duration(value: string): number {
  return valid(parseDuration(value), 'It must be a duration like 7d, 12h, 90m or 1d12h.')
}

function valid<T>(parsed: T | undefined, otherwise: string): T {
  if (parsed === undefined) throw new InvalidArgumentError(otherwise)
  return parsed
}
