import { HearthError } from '../errors.js'
import { EXPORT_FORMATS } from '../index.js'
import type { createProgram } from './common-options.js'
import { EXPORT_HELP, IMPORT_HELP } from './help.js'
import type { Invocation } from './invocation.js'
import { Option } from './typed-commander.js'

/** The commands that carry images out of a cache and into it. */
export function addExchangeCommands(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
): void {
  program
    .command('export')
    .description('write images to an archive or a folder')
    .argument('<reference...>', 'images in the cache')
    .requiredOption('-o, --outfile <file>', 'the file to write, or - for standard output; for oci-dir a new folder')
    .addOption(new Option('--format <format>', 'what to write (default: oci)').choices(EXPORT_FORMATS))
    .option('--platform <os/arch[/variant]>', 'that one alone, or all; default: what is here of the index')
    .option('--name <name>', 'the name in the archive, in place of the reference')
    .option('--no-referrers', 'without the signatures, attestations and bills of materials that the cache has of them')
    .addHelpText('after', EXPORT_HELP)
    .action((references, { outfile, format, platform, name, referrers }, command) => {
      if (outfile === '-' && command.optsWithGlobals().json) {
        throw new HearthError('USAGE', '--json has no place on standard output beside the archive')
      }
      found({
        verb: 'export',
        references,
        output: outfile,
        ...(format !== undefined && { format }),
        ...(platform !== undefined && { platform }),
        ...(name !== undefined && { name }),
        ...(referrers ? {} : { referrers }),
      })
    })
  program
    .command('import')
    .description('bring images from archives and image layouts into the cache')
    .argument('<source...>', 'an OCI archive, a Docker archive, - for standard input, or the folder of an image layout')
    .option('--name <name>', 'call the image so, whatever it is called there')
    .option('--prefix <name>', 'put this before each name')
    .option('--force', 'names that stand for other images get these')
    .option('--compress', 'compress layers of Docker archives that are not')
    .addHelpText('after', IMPORT_HELP)
    .action((sources, options) => {
      if (options.name !== undefined && options.prefix !== undefined) {
        throw new HearthError('USAGE', '--name already is the whole name: leave out --prefix')
      }
      found({ verb: 'import', sources, ...options })
    })
  program
    .command('copy')
    .description('bring images into another cache on this machine, sharing their bytes where the file system can')
    .argument('<reference...>', 'images in the cache')
    .requiredOption('--to <dir>', 'folder of the other cache; made if it is none')
    .option('--force', 'names that stand for other images there get these')
    .option('--no-referrers', 'without the signatures, attestations and bills of materials that the cache has of them')
    .action((references, { referrers, ...options }) =>
      found({ verb: 'copy', references, ...options, ...(referrers ? {} : { referrers }) }),
    )
}
