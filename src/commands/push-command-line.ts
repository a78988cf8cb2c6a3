import { HearthError } from '../errors.js'
import type { createProgram } from './common-options.js'
import { PUSH_HELP } from './help.js'
import type { Invocation } from './invocation.js'

/** @throws HearthError USAGE for one remote name of several images. */
export function addPushCommand(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
): void {
  program
    .command('push')
    .description('put images of the cache into their registries')
    .argument('<reference...>', 'images in the cache')
    .option('--remote-name <name>', 'the full name that the image gets, in place of its own')
    .option('--platform <os/arch[/variant]>', 'this one alone, as a plain image; or all (default: all)')
    .option('--with-arch-tags', 'also a tag for each platform: NAME-amd64, NAME-arm64')
    .option('--no-referrers', 'without the signatures, attestations and bills of materials that the cache has of them')
    .option('--override', 'replace another image that has the name in the registry')
    .addHelpText('after', PUSH_HELP)
    .action((references, { remoteName, platform, withArchTags = false, override = false, referrers }) => {
      if (remoteName !== undefined && references.length > 1) {
        throw new HearthError('USAGE', '--remote-name is for one image')
      }
      found({
        verb: 'push',
        references,
        archTags: withArchTags,
        override,
        ...(referrers ? {} : { referrers }),
        ...(remoteName !== undefined && { remoteName }),
        ...(platform !== undefined && { platform }),
      })
    })
}
