import { InvalidArgumentError } from 'commander'

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
