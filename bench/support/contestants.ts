import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Contestant, onPath } from './contest.js'

const CLI = fileURLToPath(new URL('../../bundle/cli.js', import.meta.url))

export interface ContestOptions {
  /** A folder for everyone's results, on the disk that is to be measured. */
  readonly folder: string
  /** `127.0.0.1:port`, plain HTTP. */
  readonly host: string
  readonly references: readonly string[]
  readonly jobs?: number
}

/**
 * hearth, and the tools that pull into an OCI layout, each with the options its users would take. Tools without a verb for
 * many images get a loop of a shell, as their users write it.
 */
export function puller({ folder, host, references, jobs }: ContestOptions): Contestant[] {
  const at = (name: string): string => join(folder, name)
  const cold = (name: string, command: readonly string[] | undefined): Contestant => ({
    name,
    command,
    prepare: () => rm(at(name), { recursive: true, force: true }),
  })
  const width = jobs === undefined ? [] : ['--jobs', `${jobs}`]
  const hearth = [process.execPath, CLI, 'pull', '--quiet', '--cache', at('hearth'), ...width, ...references]
  return [
    cold('hearth', hearth),
    cold(
      'hearth --durability relaxed',
      [...hearth.slice(0, 3), '--durability', 'relaxed', ...hearth.slice(3)].map((word) =>
        word === at('hearth') ? at('hearth --durability relaxed') : word,
      ),
    ),
    cold(
      'skopeo',
      loop(
        'skopeo',
        references,
        '"$0" --insecure-policy copy --quiet --src-tls-verify=false "docker://$REF" "oci:$DIR:$NAME"',
        at('skopeo'),
      ),
    ),
    cold('crane', loop('crane', references, '"$0" pull --insecure --format=oci "$REF" "$DIR"', at('crane'))),
    cold(
      'regctl',
      loop(
        'regctl',
        references,
        `"$0" image copy --host "reg=${host},tls=disabled" "$REF" "ocidir://$DIR:$NAME"`,
        at('regctl'),
      ),
    ),
    cold(
      'oras',
      loop('oras', references, '"$0" copy --no-tty --from-plain-http --to-oci-layout "$REF" "$DIR:$NAME"', at('oras')),
    ),
  ]
}

/** Undefined when the tool is not there. $NAME is a name that every tool takes for a layout's tag. */
function loop(
  tool: string,
  references: readonly string[],
  body: string,
  folder: string,
): readonly string[] | undefined {
  const program = onPath(tool)
  if (program === undefined) return undefined
  const script = `set -e; DIR=$1; shift; for REF; do NAME=\${REF#*/}; NAME=\${NAME//[\\/:]/-}; ${body}; done`
  return ['bash', '-c', script, program, folder, ...references]
}
