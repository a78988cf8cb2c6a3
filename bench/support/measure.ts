import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** One run of a command as a whole: what a user pays for it. */
export interface Measurement {
  readonly wallSeconds: number
  /** User and system time of the command and everything it started. */
  readonly cpuSeconds: number
  /** Largest resident set of the command's own process, MiB. */
  readonly peakMiB: number
}

/** How often the high-water mark is read. It only rises, so the last reading before the end is close to the truth. */
const SAMPLE_MS = 20

/**
 * Runs a command to its end. CPU time comes from bash's `time`, which counts all descendants; memory from the process's
 * own high-water mark in /proc.
 * @throws Error with the command's output when it fails: a bench of a failing command is a lie.
 */
export async function measure(command: readonly string[]): Promise<Measurement> {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >&3 2>&3'
  const child = spawn('bash', ['-c', script, 'bash', ...command], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  const [timing, output] = [collect(child.stdio[2]), collect(child.stdio[3])]
  let peakMiB = 0
  const sampler = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOfTree(child.pid ?? 0))
  }, SAMPLE_MS)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearInterval(sampler)
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${code}:\n${await output}`)
  const [wall = 0, user = 0, system = 0] = (await timing).trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
  return { wallSeconds: wall, cpuSeconds: user + system, peakMiB }
}

async function collect(stream: unknown): Promise<string> {
  let text = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString()
  return text
}

/** The largest process at or below `pid`. */
function peakOfTree(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const own = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
    return Math.max(own, ...children.map((child) => peakOfTree(Number(child))))
  } catch (error) {
    // It ended between two readings.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return 0
    throw error
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low = 0, high = 0] = sorted.length % 2 === 1 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1)
  return (low + high) / 2
}

export function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)] ?? 0
}
