/** Question: how do time, processor, memory and log grow with the number of images? */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { INDEX_FILE, LOG_FOLDER } from '../../src/oci/image-layout.js'
import { benchArguments } from '../support/arguments.js'
import { contest } from '../support/contest.js'
import { folderOf, hearthPull, peers } from '../support/contestants.js'
import { manyImages, TINY } from '../support/many-images.js'
import { reportFigures, reportStandings, reportVerdicts } from '../support/report.js'
import { onStage } from '../support/stage.js'
import { judge, megabytes, standingOf } from '../support/target.js'

const BENCH = 'pull/scaling'
const run = benchArguments({ rounds: 3, quickRounds: 1 })
const counts = run.quick ? [5, 20, 80] : [10, 100, 1000]
const growth: Record<string, number>[] = []

for (const count of counts) {
  await onStage({ images: manyImages(count, TINY) }, async (options) => {
    const once = peers(options).filter(({ name }) => name === 'crane, one call')
    const standings = await contest([hearthPull('hearth', [], options), ...once], run)
    reportStandings(`${BENCH}: ${count}`, `${count} small images, shared layers, cold`, standings)
    const { medianSeconds = 0, cpuSeconds = 0, peakMiB = 0 } = standingOf(standings, 'hearth')
    const cache = folderOf('hearth', options)
    growth.push({
      images: count,
      seconds: medianSeconds,
      'CPU seconds': cpuSeconds,
      'ms an image': (medianSeconds * 1000) / count,
      'peak MiB': peakMiB,
      'log KiB': (await sizeOf(join(cache, LOG_FOLDER))) / 1024,
      'index.json KiB': (await stat(join(cache, INDEX_FILE))).size / 1024,
    })
  })
}
reportFigures(BENCH, 'hearth by the number of images', growth)
const largest = growth.at(-1)
const work = `peak memory, ${largest?.images} images`
const target = { work, against: '-', bound: 'at most', value: 200, unit: ' MB' } as const
reportVerdicts(BENCH, judge(target, megabytes(largest?.['peak MiB'])))

async function sizeOf(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
