/**
 * The N-th system call fails: each command meets each error at each of its calls on the cache, once or from then on. It has
 * to say so in words of its own, nothing that was acknowledged may be lost, and the same command has to succeed afterwards.
 */
import { rmSync } from 'node:fs'
import type { Recorded } from '../../src/log/events.js'
import { checkLayout } from './support/check.js'
import type { CrashOptions } from './support/options.js'
import { Oracle } from './support/oracle.js'
import { Random } from './support/random.js'
import { checkAftermath } from './support/recovery.js'
import { Report } from './support/report.js'
import { historyOf, type Scenario, scenarios, succeeded } from './support/scenarios.js'
import { callsIn, hasStrace, MUTATIONS, siteOf, type TracedRun, traced } from './support/strace.js'
import { CANARY, copyFolder, World } from './support/world.js'

/** What the kernel may answer. Short writes are the full disk's: strace cannot make one that tells the truth. */
const ERRORS: Readonly<Record<string, readonly string[]>> = {
  openat: ['EMFILE', 'EACCES', 'EIO', 'ENOSPC'],
  read: ['EIO'],
  pread64: ['EIO'],
  write: ['ENOSPC', 'EIO'],
  pwrite64: ['ENOSPC', 'EIO'],
  fsync: ['EIO', 'ENOSPC'],
  fdatasync: ['EIO', 'ENOSPC'],
  rename: ['EIO', 'ENOSPC', 'EACCES'],
  mkdir: ['ENOSPC', 'EACCES'],
  unlink: ['EIO', 'EACCES'],
  rmdir: ['EIO', 'EACCES'],
  ftruncate: ['EIO', 'ENOSPC'],
  fchmod: ['EPERM', 'EIO'],
}
const SYSCALLS = [...MUTATIONS, 'read', 'pread64']

interface Fault {
  readonly scenario: Scenario
  readonly syscall: string
  /** As strace writes it: `7`, or `7+` for from then on. */
  readonly when: string
  readonly errno: string
  readonly history: readonly Recorded[]
}

export async function faults(options: CrashOptions): Promise<number> {
  const report = new Report(`the N-th system call fails (seed ${options.seed})`)
  if (!hasStrace()) {
    report.note('not run: strace is not installed')
    return report.end()
  }
  const world = await World.open()
  try {
    const all = await everyFault(world, options)
    const chosen = options.replay ? replayed(options.replay, all) : all.slice(0, options.points)
    report.note(`${all.length} faults there are`)
    const met = new Set<string>()
    for (const fault of chosen) {
      if (report.stopped) break
      await trial(world, fault, report)
      met.add(callOf(fault))
    }
    report.note(`${met.size} of ${new Set(all.map(callOf)).size} calls failed`)
  } finally {
    await world.close()
  }
  return report.end()
}

function callOf({ scenario, syscall, when }: Fault): string {
  return `${scenario.name} ${syscall} ${Number.parseInt(when, 10)}`
}

/** In an order by chance in which each call fails once before any fails a second time. */
async function everyFault(world: World, { only = '', seed }: CrashOptions): Promise<readonly Fault[]> {
  const random = new Random(seed)
  const [name, call = ''] = only.split(':')
  const found: { readonly round: number; readonly fault: Fault }[] = []
  for (const scenario of await scenarios(world, name)) {
    const [root, trace] = [world.path('cache'), world.path('trace')]
    const history = await historyOf(scenario, root)
    copyFolder(scenario.template, root)
    await traced([...scenario.argv, '--cache', root], { trace, syscalls: SYSCALLS, env: world.env })
    const calls = callsIn(trace).filter(({ rest }) => rest.includes(root))
    const distinct = new Map(calls.map((call) => [`${call.syscall} ${call.nth}`, call]))
    for (const { syscall, nth, rest } of distinct.values()) {
      if (!syscall.includes(call)) continue
      const fitting = (ERRORS[syscall] ?? []).filter((errno) => errno !== 'ENOSPC' || takesSpace(syscall, rest))
      for (const [round, errno] of random.shuffled(fitting).entries()) {
        const when = random.chance(0.3) ? `${nth}+` : `${nth}`
        found.push({ round, fault: { scenario, syscall, when, errno, history } })
      }
    }
  }
  const mixed = random.shuffled(found).toSorted((a, b) => a.round - b.round)
  return mixed.map(({ fault }) => fault)
}

/** What only opens a file that is there needs no room. */
function takesSpace(syscall: string, rest: string): boolean {
  return syscall !== 'openat' || rest.includes('O_CREAT')
}

/** `SCENARIO:SYSCALL:WHEN:ERRNO`. */
function replayed(words: string, all: readonly Fault[]): Fault[] {
  const [name, syscall = '', when = '', errno = ''] = words.split(':')
  const known = all.find(({ scenario }) => scenario.name === name)
  if (known === undefined) throw new TypeError(`no such trial: ${words}`)
  return [{ ...known, syscall, when, errno }]
}

async function trial(world: World, fault: Fault, report: Report): Promise<void> {
  const { scenario, syscall, when, errno, history } = fault
  const [root, trace] = [world.path('cache'), world.path('trace')]
  copyFolder(scenario.template, root)
  const oracle = new Oracle()
  oracle.holds(scenario.before)
  const intent = oracle.intend(scenario.changes)
  const injection = { syscall, when, fault: `error=${errno}` }
  const argv = [...scenario.argv, '--retries', '0', '--cache', root]
  const run = await traced(argv, { trace, injection, syscalls: SYSCALLS, env: world.env })
  const hit = callsIn(trace).filter(({ rest }) => rest.includes('(INJECTED)'))
  // Threads wake one another by writing too, and libuv aborts when that fails.
  const there = run.exitCode !== null && hit.length > 0 && hit.every(({ rest }) => rest.includes(root))
  report.count('faults')
  if (there) report.count('of them in the cache')
  const right = run.exitCode !== null && succeeded(scenario, run.exitCode)
  if (there && right) report.count('that the command got over')
  if (right) oracle.acknowledge(intent)
  const problems = there && !right ? checkWords(run) : []
  problems.push(...checkLayout(root, oracle))
  problems.push(...(await checkAftermath(root, { world, scenario, oracle, before: history })))
  rmSync(root, { recursive: true, force: true })
  if (problems.length === 0) return
  const place = hit[0] && siteOf(hit[0], root)
  report.fail({
    problems: [...problems, `exit code ${run.exitCode}: ${run.stderr.trim()}`],
    trial: `${scenario.name}, ${errno} from ${place ?? syscall}`,
    replay: `npm run crash -- faults --replay ${scenario.name}:${syscall}:${when}:${errno}`,
  })
}

/** I10: a failure has one of hearth's own codes, and is no defect. */
function checkWords({ exitCode, stdout, stderr }: TracedRun): string[] {
  const problems: string[] = []
  if ((stdout + stderr).includes(CANARY)) problems.push('I10: there is a secret in the output')
  if (exitCode === 0 || !/hearth: [A-Z_]+: /.test(stderr) || /INTERNAL/.test(stderr)) {
    problems.push('I10: it does not say what went wrong')
  }
  return problems
}
