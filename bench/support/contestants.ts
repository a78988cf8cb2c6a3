import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Contestant, onPath } from './contest.js'

/** The program that users get. */
export const CLI = fileURLToPath(new URL('../../bundle/cli.js', import.meta.url))

export interface ContestOptions {
  /** A folder for everyone's results, on the disk that is to be measured. */
  readonly folder: string
  /** `127.0.0.1:port/repository:tag`, plain HTTP. */
  readonly references: readonly string[]
  /** What each run finds: an empty cache (default), or what the run before left. */
  readonly start?: 'empty' | 'kept'
}

/** Those that fill one layout with all images; the others are shown, but are no answer to the same question. */
export const RIVALS = ['crane', 'crane, one call', 'skopeo', 'linuxkit']
export const ALL_RIVALS = [...RIVALS, 'regctl', 'oras']

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }
/** hearth and skopeo choose it themselves; crane and oras would take all platforms, regctl too. linuxkit always does. */
const PLATFORM = `linux/${ARCHITECTURES[process.arch] ?? process.arch}`

/**
 * How each tool copies one image into a layout: $0 is the program, $REF the image, $DIR the layout, $NAME a name that every
 * tool takes for a layout's tag.
 */
const COPY: Readonly<Record<string, string>> = {
  skopeo: '"$0" --insecure-policy copy --quiet --src-tls-verify=false "docker://$REF" "oci:$DIR:$NAME"',
  crane: `"$0" pull --insecure --platform ${PLATFORM} --annotate-ref --format=oci "$REF" "$DIR"`,
  regctl: `"$0" image copy --host "reg=\${REF%%/*},tls=disabled" --platform ${PLATFORM} "$REF" "ocidir://$DIR:$NAME"`,
  oras: `"$0" copy --no-tty --from-plain-http --platform ${PLATFORM} --to-oci-layout "$REF" "$DIR:$NAME"`,
  linuxkit: '"$0" cache pull --cache "$DIR" "$REF"',
}

/** hearth with further words before the references: `hearthPull('hearth --pull newer', ['--pull', 'newer'], …)`. */
export function hearthPull(name: string, words: readonly string[], options: ContestOptions): Contestant {
  const command = [process.execPath, CLI, 'pull', '--quiet', '--cache', folderOf(name, options)]
  return contestant(name, [...command, ...words, ...options.references], options)
}

/**
 * The tools that pull into an OCI layout, each with the options its users would take. Those without a verb for many images
 * get a loop of a shell, as their users write it.
 */
export function peers(options: ContestOptions): Contestant[] {
  const loops = Object.keys(COPY).map((tool) => contestant(tool, loop(tool, options), options))
  if (options.references.length === 1) return loops
  return [...loops, contestant('crane, one call', craneOnce(options), options)]
}

/**
 * Several processes of a tool at once. None of them locks a layout's index.json, so that in one layout they would lose
 * names: each image gets a layout of its own, and shared layers are fetched and stored again for each.
 */
export function parallelPeers(width: number, options: ContestOptions): Contestant[] {
  return ['skopeo', 'crane'].map((tool) => {
    const name = `${tool}, ${width} at once, a layout each`
    return contestant(name, parallel(tool, { ...options, width, name }), options)
  })
}

function contestant(name: string, command: readonly string[] | undefined, options: ContestOptions): Contestant {
  const prepare = async (): Promise<void> => {
    if (options.start !== 'kept') await rm(folderOf(name, options), { recursive: true, force: true })
  }
  return { name, command, prepare }
}

/** Where a contestant puts its images. */
export function folderOf(name: string, { folder }: Pick<ContestOptions, 'folder'>): string {
  return join(folder, name.replace(/[^a-z0-9]+/g, '-'))
}

/** A shell's words for the name of $REF. */
const NAMED = `NAME=\${REF#*/}; NAME=\${NAME//[\\/:]/-}`

function loop(tool: string, options: ContestOptions): readonly string[] | undefined {
  const program = onPath(tool)
  if (program === undefined) return undefined
  const script = `set -e; DIR=$1; shift; for REF; do ${NAMED}; ${COPY[tool]}; done`
  return ['bash', '-c', script, program, folderOf(tool, options), ...options.references]
}

function parallel(
  tool: string,
  options: ContestOptions & { readonly width: number; readonly name: string },
): readonly string[] | undefined {
  const program = onPath(tool)
  if (program === undefined) return undefined
  const one = `set -e; REF=$2; ${NAMED}; DIR=$1/$NAME; ${COPY[tool]}`
  const script = `mkdir -p "$1"; DIR=$1; shift
    printf '%s\\n' "$@" | xargs -P ${options.width} -n 1 bash -c '${one}' "$0" "$DIR"`
  return ['bash', '-c', script, program, folderOf(options.name, options), ...options.references]
}

function craneOnce(options: ContestOptions): readonly string[] | undefined {
  const program = onPath('crane')
  if (program === undefined) return undefined
  const words = ['pull', '--insecure', '--platform', PLATFORM, '--annotate-ref', '--format=oci']
  return [program, ...words, ...options.references, folderOf('crane, one call', options)]
}
