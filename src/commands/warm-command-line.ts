import { HearthError } from '../errors.js'
import { INPUT_FORMATS, PULL_POLICIES } from '../index.js'
import type { createProgram } from './common-options.js'
import { LOCK_HELP, WARM_HELP } from './help.js'
import type { Invocation } from './invocation.js'
import { collect, collectList } from './option-values.js'
import { Option } from './typed-commander.js'

const IGNORE_BUILDABLE = 'leave images that a Compose file also says how to build'

/** The commands that read files of images. @throws HearthError USAGE when there is nothing to do. */
export function addWarmCommands(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
): void {
  program
    .command('warm')
    .description('ensure that all images that arguments and files name are in the cache, as one job')
    .argument('[reference...]', 'images, as for pull')
    .option('-f, --file <file>', 'read images from this file, or - for standard input; repeatable', collect)
    .addOption(formatOption())
    .option('--ignore-buildable', IGNORE_BUILDABLE)
    .option('--platform <os/arch[/variant]>', 'where a file says nothing: as for pull', collectList)
    .addOption(new Option('--pull [policy]', 'when to ask the registry, as for pull').choices(PULL_POLICIES))
    .option('--locked <lock>', 'pull exactly the digests in this lock file')
    .option('--referrers', 'also signatures, attestations and bills of materials')
    .option('--fail-fast', 'stop at the first failure')
    .option('--dry-run', 'show what would be fetched; fetch nothing, write nothing')
    .addHelpText('after', WARM_HELP)
    .action((references, words) => {
      const { file, format, ignoreBuildable, platform, pull, locked, referrers } = words
      const { failFast = false, dryRun = false } = words
      if (references.length === 0 && file === undefined && locked === undefined) {
        throw new HearthError('USAGE', 'name images, files (-f) or a lock file (--locked)')
      }
      found({
        verb: 'warm',
        references,
        failFast,
        dryRun,
        ...(file !== undefined && { files: file }),
        ...(format !== undefined && { format }),
        ...(ignoreBuildable && { ignoreBuildable }),
        ...(platform !== undefined && { platforms: platform }),
        ...(pull !== undefined && pull !== true && { pull }),
        ...(locked !== undefined && { locked }),
        ...(referrers && { referrers }),
      })
    })
  program
    .command('lock')
    .description('write down what the names in files stand for now')
    .argument('[file...]', 'files that warm -f would take, or - for standard input')
    .option('-o, --output <lock>', 'the lock file to write; without it, standard output')
    .option('--update', 'show what moved since the lock file was written; without files, of its own names')
    .addOption(formatOption())
    .option('--ignore-buildable', IGNORE_BUILDABLE)
    .option('--platform <os/arch[/variant]>', 'lock these platforms alone; repeatable (default: all)', collectList)
    .addHelpText('after', LOCK_HELP)
    .action((files, { output: written, update = false, format, ignoreBuildable, platform }) => {
      // As for files that are read, - is the standard stream.
      const output = written === '-' ? undefined : written
      if (update && output === undefined) throw new HearthError('USAGE', '--update needs a lock file: -o LOCK')
      if (files.length === 0 && !update) throw new HearthError('USAGE', 'name files of images, or - for standard input')
      found({
        verb: 'lock',
        files,
        update,
        ...(format !== undefined && { format }),
        ...(ignoreBuildable && { ignoreBuildable }),
        ...(platform !== undefined && { platforms: platform }),
        ...(output !== undefined && { output }),
      })
    })
}

function formatOption() {
  return new Option('--format <kind>', 'what the files are (default: told from their content)').choices(INPUT_FORMATS)
}
