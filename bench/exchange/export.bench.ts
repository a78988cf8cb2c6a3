/** Question: how fast is an image of 5 GiB written to an OCI archive, against skopeo reading the same cache? */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { benchArguments } from '../support/arguments.js'
import { contest } from '../support/contest.js'
import { exchangeVerdicts, exportTo, skopeoCopy, withLargeImage } from '../support/large-image.js'
import { reportStandings, reportVerdicts } from '../support/report.js'

const BENCH = 'exchange/export'
const run = benchArguments({ rounds: 3, quickRounds: 1 })

// Needs four times the image's size: skopeo puts a layout together first, and then an archive.
await withLargeImage(run, async (image) => {
  const { folder, cache, name, size } = image
  const [ours, theirs] = [join(folder, 'hearth.tar'), join(folder, 'skopeo.tar')]
  const standings = await contest(
    [
      { name: 'hearth', command: exportTo(ours, image), prepare: () => rm(ours, { force: true }) },
      skopeoCopy(`oci:${cache}:${name}`, `oci-archive:${theirs}:${name}`, () => rm(theirs, { force: true })),
    ],
    run,
  )
  reportStandings(BENCH, `export of ${size} to an OCI archive`, standings)
  reportVerdicts(BENCH, ...exchangeVerdicts(`export of ${size}`, standings))
})
