import type { createProgram } from './common-options.js'
import { GC_HELP } from './help.js'
import type { Invocation } from './invocation.js'
import { duration, size } from './option-values.js'

/** The commands that keep a cache within its bounds. @throws HearthError USAGE for a size or duration that is none. */
export function addGcCommands(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
): void {
  program
    .command('gc')
    .description('remove what nothing needs; with a budget also what was used least recently')
    .option('--keep-bytes <size>', 'evict references until the blobs take at most this: 20GiB', size)
    .option(
      '--keep-newer <duration>',
      'evict what was not used for so long: 7d; with --keep-bytes: nothing else',
      duration,
    )
    .option('--dry-run', 'remove nothing, only show what would go')
    .addHelpText('after', GC_HELP)
    .action(({ keepBytes, keepNewer, dryRun = false }) =>
      found({
        verb: 'gc',
        dryRun,
        ...(keepBytes !== undefined && { keepBytes }),
        ...(keepNewer !== undefined && { keepNewerMs: keepNewer }),
      }),
    )
  program
    .command('pin')
    .description('keep references from being evicted, whatever their tags come to name')
    .argument('<reference...>')
    .action((references) => found({ verb: 'pin', references }))
  program
    .command('unpin')
    .description('let gc evict them again')
    .argument('<reference...>')
    .action((references) => found({ verb: 'unpin', references }))
}
