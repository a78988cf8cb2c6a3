/** Question: how fast does an image of 5 GiB come out of an OCI archive into an empty cache, against skopeo into a layout? */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { benchArguments } from '../support/arguments.js'
import { contest } from '../support/contest.js'
import { CLI } from '../support/contestants.js'
import { exchangeVerdicts, exportTo, skopeoCopy, withLargeImage } from '../support/large-image.js'
import { measure } from '../support/measure.js'
import { reportStandings, reportVerdicts } from '../support/report.js'

const BENCH = 'exchange/import'
const run = benchArguments({ rounds: 3, quickRounds: 1 })

// Needs four times the image's size: skopeo takes the archive apart first, and then copies a layout.
await withLargeImage(run, async (image) => {
  const { folder, cache, name, size } = image
  const [archive, ours, theirs] = [join(folder, 'image.tar'), join(folder, 'hearth'), join(folder, 'skopeo')]
  await measure(exportTo(archive, image))
  await rm(cache, { recursive: true })
  const empty = (path: string) => () => rm(path, { recursive: true, force: true })
  const command = [process.execPath, CLI, 'import', '--quiet', '--cache', ours, archive]
  const standings = await contest(
    [
      { name: 'hearth', command, prepare: empty(ours) },
      skopeoCopy(`oci-archive:${archive}:${name}`, `oci:${theirs}:${name}`, empty(theirs)),
    ],
    run,
  )
  reportStandings(BENCH, `import of ${size} from an OCI archive`, standings)
  reportVerdicts(BENCH, ...exchangeVerdicts(`import of ${size}`, standings))
})
