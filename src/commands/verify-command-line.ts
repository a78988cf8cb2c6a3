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
    .option('--quick', 'check presence and sizes of blobs instead of re-hashing them')
    .option('--repair', 'fetch damaged blobs again, and put right what else can be')
    .option('--rebuild', 'make a damaged log anew from index.json and the blobs')
    .addHelpText('after', VERIFY_HELP)
    .action((options) => found({ verb: 'verify', ...options }))
}
