/** Question: how long does it take to make index.json of 10,000 references, and how large is it? */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { INDEX_FILE } from '../../src/oci/image-layout.js'
import { referenceSet } from '../../test/support/a-log.js'
import { openParts } from '../../test/support/open-parts.js'
import { benchArguments } from '../support/arguments.js'
import { median } from '../support/measure.js'
import { reportFigures, reportVerdicts } from '../support/report.js'
import { withFolder } from '../support/stage.js'
import { judge } from '../support/target.js'

const BENCH = 'materialise/index'
const { rounds, quick } = benchArguments({ rounds: 9, quickRounds: 2 })
const count = quick ? 1000 : 10_000

await withFolder(async (root) => {
  const { log, deps } = await openParts(root)
  const references = Array.from({ length: count }, (_, at) => referenceSet(`registry.example/team/app-${at}:v1`))
  await log.hold((held) => held.append(references))
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const milliseconds = await log.hold(async (held) => {
      // Something must have changed, or nothing is written.
      await held.append([referenceSet('registry.example/team/app-0:v1', { size: round })])
      const start = performance.now()
      await deps.materialise(held)
      return performance.now() - start
    })
    if (round > 0) times.push(milliseconds)
  }
  await log.close()
  const kibibytes = (await stat(join(root, INDEX_FILE))).size / 1024
  const figure = { references: count, n: times.length, 'median ms': median(times), 'index.json KiB': kibibytes }
  reportFigures(BENCH, 'Until index.json says what the log says, fsynced', [figure])
  const target = { work: `${count} references materialised`, against: '-', bound: 'at most', value: 100 } as const
  reportVerdicts(BENCH, judge({ ...target, unit: ' ms' }, figure['median ms']))
})
