import type { createProgram } from './common-options.js'
import { VERIFY_HELP } from './help.js'
import type { Invocation } from './invocation.js'

/** `hearth verify` and what it may change. */
export function addVerifyCommand(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
): void {
  program
    .command('verify')
    .description('re-hash every blob; check the log, index.json and each image')
    .option('--rebuild', 'make a damaged log anew from index.json and the blobs')
    .addHelpText('after', VERIFY_HELP)
    .action(({ rebuild }) => found({ verb: 'verify', ...(rebuild && { rebuild }) }))
}
