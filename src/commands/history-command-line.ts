import { InvalidArgumentError } from 'commander'
import { HearthError } from '../errors.js'
import type { Moment } from '../index.js'
import type { createProgram } from './common-options.js'
import { HISTORY_HELP } from './help.js'
import type { Invocation } from './invocation.js'
import { parseMoment } from './moment.js'
import { wholeNumber } from './option-values.js'
import { Option } from './typed-commander.js'

const KINDS = 'a position (57), a time (2026-01-02T03:04Z) or how long ago (12h)'

/**
 * The commands that look back.
 * @param now milliseconds since 1970.
 * @throws HearthError USAGE
 */
export function addHistoryCommands(
  program: ReturnType<typeof createProgram>,
  found: (invocation: Invocation) => void,
  now: number,
): void {
  program
    .command('log')
    .description('show what happened in the cache, oldest first')
    .option('--after <n>', 'only after this position', wholeNumber(0))
    .option('--since <moment>', `only from here on: ${KINDS}`, momentOption(now))
    .option('--follow', 'go on with what happens from now on, until Ctrl-C')
    .addOption(
      new Option('--compact', 'instead: move old records to archive files, which stay part of the log').conflicts([
        'after',
        'since',
        'follow',
      ]),
    )
    .option('--keep <n>', 'with --compact: how many stay in the database (default: 1000)', wholeNumber(0))
    .addHelpText('after', HISTORY_HELP)
    .action(({ after = 0, since, follow = false, compact = false, keep }) => {
      if (keep !== undefined && !compact) throw new HearthError('USAGE', '--keep is for --compact')
      if (compact) found({ verb: 'compact', ...(keep !== undefined && { keep }) })
      else found({ verb: 'log', after, follow, ...(since !== undefined && { since }) })
    })
  program
    .command('diff')
    .description('show which references came, went and moved between two moments')
    .argument('<from>', KINDS)
    .argument('[to]', 'the same; without it, now')
    .addHelpText('after', HISTORY_HELP)
    .action((from, to) =>
      found({ verb: 'diff', from: moment(from, now), ...(to !== undefined && { to: moment(to, now) }) }),
    )
  program
    .command('restore')
    .description('set references to what they stood for, if all of it is still in the cache')
    .argument('<reference...>')
    .requiredOption('--at <moment>', KINDS, momentOption(now))
    .addHelpText('after', HISTORY_HELP)
    .action((references, { at }) => found({ verb: 'restore', references, at }))
}

/** Parser of an option that is a point in the history. */
export function momentOption(now: number): (value: string) => Moment {
  return (value) => {
    const parsed = parseMoment(value, now)
    if (parsed === undefined) throw new InvalidArgumentError(`It must be ${KINDS}.`)
    return parsed
  }
}

function moment(text: string, now: number): Moment {
  const parsed = parseMoment(text, now)
  if (parsed === undefined) throw new HearthError('USAGE', `${JSON.stringify(text)} is none of: ${KINDS}`)
  return parsed
}
