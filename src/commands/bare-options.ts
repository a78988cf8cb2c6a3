import { PULL_POLICIES } from '../index.js'

/** Options that may stand without a value: what they mean then, and which following words are their value. */
const BARE: Readonly<Record<string, { readonly means: string; isValue(word: string): boolean }>> = {
  // As in LinuxKit: a bare --pull always asks the registry.
  '--pull': { means: 'always', isValue: (word) => (PULL_POLICIES as readonly string[]).includes(word) },
  '--tls-verify': { means: 'true', isValue: (word) => /^(.+=)?(true|false)$/i.test(word) },
}

/**
 * Joins these options with their values, so that `--pull alpine` is a bare option and a reference, and `--pull newer` an
 * option with its value. Everything after `--` stays as it is.
 */
export function joinBareOptions(argv: readonly string[]): string[] {
  const joined: string[] = []
  for (let place = 0; place < argv.length; place++) {
    const word = argv[place] ?? ''
    if (word === '--') return [...joined, ...argv.slice(place)]
    const option = Object.hasOwn(BARE, word) ? BARE[word] : undefined
    if (option === undefined) {
      joined.push(word)
      continue
    }
    const next = argv[place + 1] ?? ''
    const hasValue = option.isValue(next)
    joined.push(`${word}=${hasValue ? next : option.means}`)
    if (hasValue) place++
  }
  return joined
}
