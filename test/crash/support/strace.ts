/**
 * The real command under strace, which counts its system calls, and kills it or lies to it at one of them.
 *
 * Two traps, both measured with strace 6.1: `when=N` counts for each thread by itself, so there is one thread for files;
 * and with --seccomp-bpf, which halves the time, an injected signal never arrives (errors and delays do). So strace holds the
 * process before the call, and it is killed from here.
 */
import { spawn, spawnSync } from 'node:child_process'
import { type FSWatcher, readFileSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../../../dist/bundle/cli.js', import.meta.url))
const GIVE_UP_MS = 120_000

const NO_HOME = join(tmpdir(), 'hearth-crash-no-home')
// A file of another name over boot_id, in a mount namespace of its own.
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const BOOT = [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
  `f=$(mktemp) && cat /proc/sys/kernel/random/uuid > "$f" && mount --bind "$f" ${BOOT_ID} && rm "$f"; exec "$@"`,
  'sh',
]

/** Calls that change a file system, or make a change durable. */
export const MUTATIONS = (
  'openat,write,pwrite64,writev,pwritev,rename,renameat,renameat2,fsync,fdatasync,unlink,unlinkat,mkdir,mkdirat,rmdir,' +
  'ftruncate,truncate,fallocate,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,utimensat,copy_file_range,sendfile'
).split(',')

/** The fault that is no answer of the kernel: kill -9 before the call. */
export const KILL = 'kill'

export interface Injection {
  readonly syscall: string
  /** The how-manieth call of it in whichever thread comes there first; `3+` is the third and all after it. */
  readonly when: number | string
  /** {@link KILL}, or as strace writes it: `error=ENOSPC`, `retval=3`. */
  readonly fault: string
}

export interface TraceOptions {
  /** Where strace writes. */
  readonly trace: string
  readonly injection?: Injection
  /** Default: all that change a file system. */
  readonly syscalls?: readonly string[]
  /** Whole data as hexadecimal digits. */
  readonly data?: boolean
  /** Runs in a boot of the machine that ends with it (root only): afterwards, this boot counts as the next one. */
  readonly anotherBoot?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export interface TracedRun {
  /** Null: killed. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export function hasStrace(): boolean {
  return spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0
}

/** Whether a command can be given a boot of its own. */
export function mayFakeBoot(): boolean {
  const [program = '', ...args] = [...BOOT, 'true']
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

/** Runs the built command to its end, or until it is killed. @throws Error when it takes two minutes. */
export async function traced(argv: readonly string[], options: TraceOptions): Promise<TracedRun> {
  const { injection, syscalls = MUTATIONS, data, anotherBoot, trace, env } = options
  const strace = ['strace', '-f', '-y', '--seccomp-bpf', '-o', trace, '-e', `trace=${syscalls.join()}`]
  if (injection) strace.push('-e', `inject=${injection.syscall}:${straceFault(injection)}:when=${injection.when}`)
  if (data) strace.push('-xx', '-s', '4000000')
  const [program = '', ...args] = [
    ...(anotherBoot ? BOOT : []),
    ...strace,
    // Few threads. With --single-threaded V8 would refuse the compiled form of the command, which costs 70 ms a run.
    ...[process.execPath, '--v8-pool-size=0', CLI, ...argv],
  ]
  const killer = injection?.fault === KILL ? killAtCall(trace, injection) : undefined
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, HOME: NO_HOME, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: strace heeds no signal, so one that hangs is killed with it; and Ctrl-C lets a trial end.
    detached: true,
  })
  let hangs = false
  const timer = setTimeout(() => {
    hangs = true
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, GIVE_UP_MS)
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 137 ? null : code))
  })
  const [exitCode, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  clearTimeout(timer)
  killer?.close()
  if (hangs) throw new Error(`${argv.join(' ')} hangs, with ${JSON.stringify(injection)}: ${stderr}`)
  return { exitCode, stdout, stderr }
}

/** Strace notices a death only after the delay: time enough for the kill, and not much more. */
const HOLD_MS = 50

function straceFault({ fault }: Injection): string {
  return fault === KILL ? `delay_enter=${HOLD_MS * 1000}` : fault
}

/** Looks at the trace whenever strace writes to it: a call stands there when it begins. */
function killAtCall(trace: string, { syscall, when }: Injection): FSWatcher {
  writeFileSync(trace, '')
  const watcher = watch(trace, () => {
    const held = callsIn(trace).find((call) => call.syscall === syscall && call.nth === when)
    if (held === undefined) return
    watcher.close()
    try {
      process.kill(Number(held.thread), 'SIGKILL')
    } catch (error) {
      // Noticed too late: it has ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  })
  return watcher
}

export interface Call {
  readonly thread: string
  readonly syscall: string
  /** Among the calls of this thread to it, from 1. */
  readonly nth: number
  /** What it was given and what came of it, as strace prints them: in two lines when another thread called in between. */
  readonly rest: string
}

/** Every call in a trace, in the order in which they began. */
export function callsIn(trace: string): Call[] {
  const counts = new Map<string, number>()
  const calls: Call[] = []
  const latest = new Map<string, number>()
  for (const line of readFileSync(trace, 'latin1').split('\n')) {
    const [, resumed = '', end = ''] = /^(\d+) +<\.{3} [a-z_0-9]+ resumed>(.*)$/.exec(line) ?? []
    const at = latest.get(resumed) ?? -1
    const call = calls[at]
    if (call !== undefined) calls[at] = { ...call, rest: call.rest + end }
    const [, thread = '', syscall = '', rest = ''] = /^(\d+) +([a-z_0-9]+)\((.*)$/.exec(line) ?? []
    if (thread === '') continue
    const nth = (counts.get(`${thread} ${syscall}`) ?? 0) + 1
    counts.set(`${thread} ${syscall}`, nth)
    latest.set(thread, calls.push({ thread, syscall, nth, rest }) - 1)
  }
  return calls
}

/** Those that change something under a folder. */
export function mutationsOf(calls: readonly Call[], folder: string): Call[] {
  return calls.filter(
    ({ syscall, rest }) => rest.includes(folder) && (syscall !== 'openat' || rest.includes('O_CREAT')),
  )
}

/** What the call does and to what, the same in every run: random names, numbers and digests are left out. */
export function siteOf({ syscall, rest }: Call, folder: string): string {
  const paths = [...rest.matchAll(/["<]([^">]*)[">]/g)].map(([, path = '']) => path)
  const named = paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length) || '/')
  const stable = named.map((path) =>
    path
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'UUID')
      .replace(/[0-9a-f]{64}|[0-9a-f]{128}/g, 'DIGEST')
      .replace(/\d+\.[0-9a-f]{32}/g, 'TEMPORARY')
      .replace(/\d{6}/g, 'N'),
  )
  return [syscall, ...new Set(stable)].join(' ')
}
