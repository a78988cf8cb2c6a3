/**
 * `npm run crash -- PROGRAM [--seed N] [--points N] [--seconds N] [--only TEXT] [--replay TRIAL]`, or `--sample` for a little
 * of each. README.md says what each program shows. Ends with 1 when an invariant was broken.
 */
import { faults } from './faults.js'
import { fullDisk } from './full-disk.js'
import { gcRace } from './gc-race.js'
import { kill } from './kill.js'
import { model } from './model.js'
import { power, powerEvery } from './power.js'
import { powerDisk } from './power-disk.js'
import { processes } from './processes.js'
import { rot } from './rot.js'
import { type Amounts, type CrashOptions, parseOptions } from './support/options.js'

interface Program {
  readonly run: (options: CrashOptions) => Promise<number>
  /** As much as continuous integration has time for, and as much as a release deserves. */
  readonly sample: Amounts
  readonly long: Amounts
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  kill: { run: kill, sample: { points: 100, seconds: 0 }, long: { points: 10_000, seconds: 0 } },
  power: { run: power, sample: { points: 500, seconds: 0 }, long: { points: 5_000, seconds: 0 } },
  'power-every': { run: powerEvery, sample: { points: 40, seconds: 0 }, long: { points: 100_000, seconds: 0 } },
  'power-disk': { run: powerDisk, sample: { points: 15, seconds: 0 }, long: { points: 2_000, seconds: 0 } },
  faults: { run: faults, sample: { points: 80, seconds: 0 }, long: { points: 100_000, seconds: 0 } },
  'full-disk': { run: fullDisk, sample: { points: 12, seconds: 0 }, long: { points: 500, seconds: 0 } },
  rot: { run: rot, sample: { points: 150, seconds: 0 }, long: { points: 3_000, seconds: 0 } },
  model: { run: model, sample: { points: 15, seconds: 0 }, long: { points: 1_000, seconds: 0 } },
  'gc-race': { run: gcRace, sample: { points: 0, seconds: 20 }, long: { points: 0, seconds: 600 } },
  processes: { run: processes, sample: { points: 0, seconds: 40 }, long: { points: 0, seconds: 1200 } },
}

process.umask(0o022)
process.exit(await main(process.argv.slice(2)))

async function main([name = '--sample', ...argv]: readonly string[]): Promise<number> {
  if (name === '--sample') {
    let [worst, stopped] = [0, false]
    process.once('SIGINT', () => {
      stopped = true
    })
    for (const { run, sample } of Object.values(PROGRAMS)) {
      if (!stopped) worst = Math.max(worst, await run(parseOptions(argv, sample)))
    }
    return worst
  }
  const program = PROGRAMS[name]
  if (program === undefined) {
    process.stderr.write(`no such program: ${name}; there are ${Object.keys(PROGRAMS).join(', ')}\n`)
    return 2
  }
  return await program.run(parseOptions(argv, program.long))
}
