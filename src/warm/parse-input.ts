import { HearthError, isHearthError } from '../errors.js'
import { isCompose, readCompose } from './compose.js'
import { INPUT_FORMATS, type InputFormat } from './input-format.js'
import { parseJson } from './json-document.js'
import { isKubernetes, readKubernetes } from './kubernetes.js'
import { looksLikeLines, readLines } from './lines.js'
import { isLinuxkit, readLinuxkit } from './linuxkit.js'
import type { Located } from './located.js'
import { imagesOfLock, isLock, readLock } from './lock-file.js'
import { inputInvalid } from './place.js'
import { isSkopeoSync, readSkopeoSync } from './skopeo-sync.js'
import type { FormatOptions, TagQuery, WantedImage } from './wanted-image.js'

/** Far beyond any list that people keep; YAML of this size takes 8 s and 1 GiB. */
export const MAX_INPUT_BYTES = 16 * 1024 * 1024

export interface InputOptions extends FormatOptions {
  readonly format?: InputFormat
}

/** What one input asks for, in its order; nothing is merged yet. */
export interface ParsedInput {
  readonly images: readonly WantedImage[]
  readonly queries: readonly TagQuery[]
  /** Names that are left because the input says how to build what they stand for. */
  readonly built: readonly string[]
}

/**
 * Reads an input of any format.
 * @throws HearthError INPUT_INVALID with file, line, column and reason.
 */
export async function parseInput(bytes: Uint8Array, options: InputOptions): Promise<ParsedInput> {
  const { file, format } = options
  const start = { file, line: 1, column: 1 }
  if (bytes.length > MAX_INPUT_BYTES) throw inputInvalid(start, `larger than ${MAX_INPUT_BYTES} bytes`)
  const text = decode(bytes, file)
  if (format === 'lines' || (format === undefined && looksLikeLines(text))) {
    return plain(readLines(text, options))
  }
  return readQuickly(bytes, text, options, (documents) => readDocuments(documents, options))
}

/** A lock file alone. @throws HearthError INPUT_INVALID */
export async function parseLock(bytes: Uint8Array, file: string) {
  return readQuickly(bytes, decode(bytes, file), { file }, (documents) => readLock(onlyOne(documents, file)))
}

/** JSON without places first: only when something is wrong with it are places worth the time that they cost. */
async function readQuickly<T>(
  bytes: Uint8Array,
  text: string,
  { file }: Pick<InputOptions, 'file'>,
  read: (documents: readonly Located[]) => T,
): Promise<T> {
  if (/^\s*\{/.test(text)) {
    try {
      return read([parseJson(bytes, file)])
    } catch (error) {
      if (!isHearthError(error, 'INPUT_INVALID')) throw error
    }
  }
  const { parseYaml } = await import('./yaml-documents.js')
  return read(parseYaml(text, file))
}

function readDocuments(documents: readonly Located[], options: InputOptions): ParsedInput {
  const { file } = options
  const format = options.format ?? detect(documents, file)
  switch (format) {
    case 'kubernetes':
      return plain(readKubernetes(documents))
    case 'compose':
      return { ...readCompose(onlyOne(documents, file), options), queries: [] }
    case 'linuxkit':
      return plain(readLinuxkit(onlyOne(documents, file)))
    case 'skopeo-sync':
      return { ...readSkopeoSync(onlyOne(documents, file)), built: [] }
    case 'lock':
      return plain(imagesOfLock(readLock(onlyOne(documents, file))))
    case 'lines':
      throw new TypeError('lines are no document')
    default:
      return unreachable(format)
  }
}

function plain(images: readonly WantedImage[]): ParsedInput {
  return { images, queries: [], built: [] }
}

/** From the most telling shape to the least. */
function detect(documents: readonly Located[], file: string): InputFormat {
  const foreign = documents.find((document) => !isKubernetes(document))
  if (foreign === undefined) return 'kubernetes'
  if (documents.some(isKubernetes)) {
    throw inputInvalid(
      foreign.place,
      'no Kubernetes manifest, as other documents here are: apiVersion or kind is missing',
    )
  }
  const document = onlyOne(documents, file)
  if (isLock(document)) return 'lock'
  if (isCompose(document)) return 'compose'
  if (isLinuxkit(document)) return 'linuxkit'
  if (isSkopeoSync(document)) return 'skopeo-sync'
  throw inputInvalid(document.place, `none of the formats ${INPUT_FORMATS.join(', ')}; name one with --format`)
}

function onlyOne(documents: readonly Located[], file: string): Located {
  const [first, second] = documents
  if (second !== undefined)
    throw inputInvalid(second.place, 'a second document; only Kubernetes manifests have several')
  return first ?? { kind: 'map', place: { file, line: 1, column: 1 }, entries: new Map() }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    // A byte order mark, as editors on Windows write it, is left out.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    if (cause instanceof TypeError) throw inputInvalid({ file, line: 1, column: 1 }, 'not UTF-8', cause)
    throw cause
  }
}

function unreachable(format: never): never {
  throw new HearthError('INTERNAL', `unknown format: ${String(format)}`)
}
