import { readFile } from 'node:fs/promises'
import { HearthError } from '../../src/errors.js'
import type { Environment } from '../../src/options.js'
import type { InputFormat } from '../../src/warm/input-format.js'
import { type ParsedInput, parseInput } from '../../src/warm/parse-input.js'

const FIXTURES = new URL('../../../test/fixtures/warm/', import.meta.url)

export interface ParseOptions {
  readonly format?: InputFormat
  readonly env?: Environment
  readonly ignoreBuildable?: boolean
}

/** Parses text as the file `input`. */
export function parseText(text: string, { env = {}, ...options }: ParseOptions = {}): Promise<ParsedInput> {
  return parseInput(Buffer.from(text), { file: 'input', env, ...options })
}

/** Parses a file of test/fixtures/warm under its name there. */
export async function parseFixture(name: string, { env = {}, ...options }: ParseOptions = {}): Promise<ParsedInput> {
  return parseInput(await readFixture(name), { file: name, env, ...options })
}

export function readFixture(name: string): Promise<Uint8Array> {
  return readFile(new URL(name, FIXTURES))
}

/** References with their own platforms, if they have any: `alpine linux/amd64`. */
export function wantedIn({ images }: Pick<ParsedInput, 'images'>): string[] {
  return images.map(({ reference, platforms }) => [reference, ...(platforms ?? [])].join(' '))
}

/** The error of a promise that has to fail with INPUT_INVALID, as `line:column`. */
export async function placeOfError(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (!(error instanceof HearthError) || error.code !== 'INPUT_INVALID') throw error ?? new Error('it did not fail')
  const { line, column, reason } = error.details
  if (typeof reason !== 'string' || reason === '') throw new Error('there is no reason')
  return `${line}:${column}`
}
