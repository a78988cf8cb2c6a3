import { CommanderError } from 'commander'
import { HearthError } from '../errors.js'
import { PULL_POLICIES } from '../index.js'
import { joinBareOptions } from './bare-options.js'
import { cacheOptionsOf, createProgram, outputOptionsOf } from './common-options.js'
import { addExchangeCommands } from './exchange-command-line.js'
import { addGcCommands } from './gc-command-line.js'
import { HELP, PULL_HELP } from './help.js'
import { addHistoryCommands, momentOption } from './history-command-line.js'
import type { CommandLine, Invocation } from './invocation.js'
import { collectList } from './option-values.js'
import { addPushCommand } from './push-command-line.js'
import { Option } from './typed-commander.js'
import { addVerifyCommand } from './verify-command-line.js'
import { addWarmCommands } from './warm-command-line.js'

/** What the texts need to know. */
export interface ParseOptions {
  readonly version: string
  /** Width of help texts. */
  readonly columns?: number
  /** Milliseconds since 1970, for words like `12h` that mean how long ago. */
  readonly now: number
}

/**
 * Parses the words after the program's name. Prints nothing: help and version come back as text.
 * @throws HearthError USAGE saying what is wrong and, where one is near, what was probably meant.
 */
export function parseCommandLine(argv: readonly string[], { version, columns = 80, now }: ParseOptions): CommandLine {
  let invocation: Invocation | undefined
  let text = ''
  const program = createProgram()
    .description('A daemonless, content-addressed cache of OCI container images.')
    .optionsGroup('Options:')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (part) => (text += part), writeErr: () => {}, getOutHelpWidth: () => columns })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', HELP)
  const found = (parsed: Invocation): void => {
    invocation = parsed
  }
  addCommands(program, found, now)
  try {
    program.parse(joinBareOptions(argv), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text }
    throw usage(error)
  }
  if (invocation === undefined) throw new HearthError('USAGE', 'give a command; see: hearth --help')
  const options = program.opts()
  return { kind: 'run', invocation, cache: cacheOptionsOf(options), output: outputOptionsOf(options) }
}

function addCommands(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
  now: number,
): void {
  program
    .command('pull')
    .description('ensure that images are in the cache')
    .argument('<reference...>', 'images: alpine, redis:7, ghcr.io/owner/name@sha256:…')
    .option('--platform <os/arch[/variant]>', "instead of this machine's; repeatable, or all", collectList)
    .addOption(new Option('--pull [policy]', 'when to ask the registry').choices(PULL_POLICIES))
    .option('--referrers', 'also signatures, attestations and bills of materials')
    .addHelpText('after', PULL_HELP)
    .action((references, { platform, pull, referrers }) =>
      found({
        verb: 'pull',
        references,
        ...(platform !== undefined && { platforms: platform }),
        ...(pull !== undefined && pull !== true && { pull }),
        ...(referrers && { referrers }),
      }),
    )
  addWarmCommands(program, found)
  addExchangeCommands(program, found)
  addPushCommand(program, found)
  program
    .command('ls')
    .alias('list')
    .description('list the references in the cache')
    .option('--at <moment>', 'as it was at this position of the log, or at this time', momentOption(now))
    .action(({ at }) => found({ verb: 'ls', ...(at !== undefined && { at }) }))
  program
    .command('inspect')
    .description('show what an image consists of, and what of it is present')
    .argument('<reference>')
    .action((reference) => found({ verb: 'inspect', reference }))
  program
    .command('rm')
    .description('remove references, and the blobs that no other reference needs')
    .argument('<reference...>')
    .option('--published-only', 'only what the registry still has under the same digest')
    .option('--force', 'pinned references too')
    .action((references, { publishedOnly = false, force = false }) =>
      found({ verb: 'rm', references, publishedOnly, force }),
    )
  program
    .command('clean')
    .description('remove all references but pinned ones, and every blob that no running pull relies on')
    .option('--published-only', 'only what the registry still has under the same digest')
    .option('--force', 'pinned references too')
    .action(({ publishedOnly = false, force = false }) => found({ verb: 'clean', publishedOnly, force }))
  addGcCommands(program, found)
  addHistoryCommands(program, found, now)
  addVerifyCommand(program, found)
}

/** Commander's message is `error: …`, and a guess on a line of its own. */
function usage(error: CommanderError): HearthError {
  if (error.code === 'commander.help') return new HearthError('USAGE', 'give a command; see: hearth --help')
  return new HearthError('USAGE', error.message.replace(/^error: /, '').replaceAll('\n', ' '))
}
