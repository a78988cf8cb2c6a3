#!/usr/bin/env node
/**
 * The command line: words in, results on standard output, progress and messages on standard error, an exit code.
 * This is the only file that prints or exits, and the one that knows signals and terminals.
 */
import { parseCommandLine } from './commands/command-line.js'
import { dispatch } from './commands/dispatch.js'
import { errorLines, exitCodeOfError, failureOf } from './commands/failure.js'
import type { CommandLine, Invocation, OutputOptions } from './commands/invocation.js'
import type { Outcome, StreamOutcome } from './commands/outcome.js'
import { printableJson } from './commands/printable.js'
import type { ProgressDisplay, ProgressSource } from './commands/progress-display.js'
import { waitLine } from './commands/wait-line.js'
import {
  ERRORS,
  type ExchangeProgress,
  HearthError,
  isHearthError,
  type LockWait,
  openCache,
  type ProgressEvent,
  type PushProgress,
  type VerifyProgress,
} from './index.js'
import { VERSION } from './version.js'

type Run = Extract<CommandLine, { kind: 'run' }>

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
/** An orderly stop takes no longer than this; what it has not done by then, the next run does. */
const STOP_WITHIN_MS = 2000
const REDRAW_EVERY_MS = 100
/** Characters collected before a stream of lines is written: one system call for each line would dominate. */
const WRITE_CHARACTERS = 65_536

/** By then, all that a command needs is loaded. */
const LONG_MS = 1000

let output: OutputOptions = { json: false, quiet: false, verbose: false, progress: 'auto' }
let exitCodeOfSignal: number | undefined
const stopping = new AbortController()

// LevelDB makes its files with all rights that this leaves: none for others to write.
process.umask(process.umask() | 0o022)
for (const [name, exitCode] of Object.entries(SIGNALS)) process.on(name, () => stop(exitCode))
process.on('uncaughtException', crash) // unhandled rejections too
// A failed write is reported to whoever wrote (see write); without a listener it would also be thrown.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

// Whoever runs for long: the old generation may double before it is looked through, where V8 would let 15 MB that are in use become
// 60. A pull of 1,000 images peaks at 163 MiB instead of 194 (medians of 3, in a time that differs less than the runs do). Not at
// once: V8's compiled forms, those of Node's own modules too, count only for the flags that they were made with.
setTimeout(
  () => void import('node:v8').then((v8) => v8.setFlagsFromString('--heap-growing-percent=100')),
  LONG_MS,
).unref()

// Not awaited at the top: the command is bundled as CommonJS, which cannot.
void main(process.argv.slice(2))
  .catch(fail)
  .then((exitCode) => process.exit(exitCode))

async function main(argv: readonly string[]): Promise<number> {
  const columns = process.stdout.columns ?? 80
  // Of words that make no sense only this one is taken: a program that asked for JSON gets its error as JSON.
  output = { ...output, json: argv.includes('--json') }
  const commandLine = parseCommandLine(argv, { version: VERSION, columns, now: Date.now() })
  if (commandLine.kind === 'text') {
    await write(process.stdout, commandLine.text)
    return 0
  }
  output = commandLine.output
  const exitCode = await run(commandLine)
  return exitCodeOfSignal ?? exitCode
}

async function run({ invocation, cache: options }: Run): Promise<number> {
  const cache = await openCache({ ...options, onWait: tellWait })
  const progress = await startProgress(invocation)
  try {
    const outcome = await dispatch(cache, invocation, { signal: stopping.signal, ...progress.listeners })
    progress.end()
    return await print(outcome)
  } catch (error) {
    progress.end()
    if (isHearthError(error, 'ABORTED') && !output.quiet)
      await write(process.stderr, await messages([progress.afterStop()]))
    throw error
  } finally {
    await cache.close()
  }
}

/** Silence would look like a hang. */
function tellWait(wait: LockWait): void {
  if (!output.quiet) void messages([`hearth: ${waitLine(wait)}`]).then((text) => write(process.stderr, text))
}

async function print(outcome: Outcome): Promise<number> {
  if (outcome.kind === 'stream') {
    await printStream(outcome)
    return 0
  }
  const { document, lines, problems, exitCode } = outcome
  await write(process.stdout, output.json ? `${printableJson(document, 2)}\n` : joinLines(lines))
  await write(process.stderr, await messages(problems))
  return exitCode
}

async function printStream({ lines, live = false }: StreamOutcome): Promise<void> {
  const collected = live ? 0 : WRITE_CHARACTERS
  let text = ''
  try {
    for await (const line of lines(output.json)) {
      text += `${line}\n`
      if (text.length < collected) continue
      const chunk = text
      text = ''
      if (!(await write(process.stdout, chunk))) return
    }
  } finally {
    // A log that is damaged in the middle is good up to there.
    await write(process.stdout, text)
  }
}

/** Says what went wrong. @returns the exit code. */
async function fail(error: unknown): Promise<number> {
  const wasStopped = exitCodeOfSignal !== undefined && isHearthError(error, 'ABORTED')
  if (!wasStopped) await write(process.stderr, await messages(errorLines(error, output)))
  // On one line: after the records of a log it is one more JSON line. What may have failed is standard output itself: that was said.
  if (output.json) await write(process.stdout, `${printableJson({ error: failureOf(error) })}\n`).catch(() => false)
  return exitCodeOfSignal ?? exitCodeOfError(error)
}

/** An error that nobody waited for, whatever its code, is a defect. */
function crash(cause: unknown): void {
  const { message } = failureOf(cause)
  void fail(new HearthError('INTERNAL', `unexpected: ${message}`, {}, cause)).finally(() => {
    process.exit(ERRORS.INTERNAL.exitCode)
  })
}

/** First signal: stop in good order, in two seconds at most. Second one: stop at once. */
function stop(exitCode: number): void {
  if (exitCodeOfSignal !== undefined) process.exit(exitCode)
  exitCodeOfSignal = exitCode
  stopping.abort(new HearthError('ABORTED', 'stopped by a signal'))
  setTimeout(() => process.exit(exitCode), STOP_WITHIN_MS)
}

interface Progress {
  readonly listeners: {
    readonly onPullProgress?: (event: ProgressEvent) => void
    readonly onPushProgress?: (event: PushProgress) => void
    readonly onVerifyProgress?: (event: VerifyProgress) => void
    readonly onExchangeProgress?: (event: ExchangeProgress) => void
  }
  end(): void
  /** What to say when the command was stopped. */
  afterStop(): string
}

async function startProgress(invocation: Invocation): Promise<Progress> {
  if (invocation.verb === 'pull' || (invocation.verb === 'warm' && !invocation.dryRun)) {
    const { newProgressView } = await import('./commands/progress-view.js')
    const { pullProgress } = await import('./commands/pull-progress.js')
    const { keptText } = await import('./commands/progress-frame.js')
    const view = newProgressView(invocation.references.length, performance.now())
    const { listener, end } = await follow(pullProgress(view))
    return { listeners: { onPullProgress: listener }, end, afterStop: () => `hearth: stopped: ${keptText(view)}` }
  }
  const afterStop = () => 'hearth: stopped'
  if (invocation.verb === 'push') {
    const { pushProgress } = await import('./commands/push-progress.js')
    const { listener, end } = await follow(pushProgress(performance.now()))
    return { listeners: { onPushProgress: listener }, end, afterStop }
  }
  if (invocation.verb === 'export' || invocation.verb === 'import' || invocation.verb === 'copy') {
    const { exchangeProgress } = await import('./commands/exchange-progress.js')
    const { listener, end } = await follow(exchangeProgress(performance.now()))
    return { listeners: { onExchangeProgress: listener }, end, afterStop }
  }
  if (invocation.verb !== 'verify') return { listeners: {}, end: () => {}, afterStop }
  const { verifyProgress } = await import('./commands/verify-progress.js')
  const { listener, end } = await follow(verifyProgress(performance.now()))
  return { listeners: { onVerifyProgress: listener }, end, afterStop }
}

/** Shows a source on standard error until `end`, in the way that suits what standard error is. */
async function follow<E>(source: ProgressSource<E>): Promise<{ listener(event: E): void; end(): void }> {
  const display = await displayOf(source)
  const show = (text: string) => text !== '' && void process.stderr.write(text)
  const timer = setInterval(() => show(display.tick(performance.now())), REDRAW_EVERY_MS)
  const end = () => {
    clearInterval(timer)
    show(display.end())
  }
  stopping.signal.addEventListener('abort', () => {
    end()
    if (!output.quiet) void messages(['hearth: stopping; press Ctrl-C again to stop at once']).then(show)
  })
  return { listener: (event) => show(display.event(event, performance.now())), end }
}

async function displayOf<E>(source: ProgressSource<E>): Promise<ProgressDisplay<E>> {
  const { liveDisplay, plainDisplay, silentDisplay } = await import('./commands/progress-display.js')
  const { stderr, env } = process
  const { progress } = output
  if (progress === 'none') return silentDisplay(source)
  if (progress === 'json') {
    const { jsonDisplay } = await import('./commands/progress-json.js')
    return jsonDisplay(source, performance.timeOrigin)
  }
  const isPlain = progress === 'auto' && (!stderr.isTTY || env.TERM === 'dumb')
  if (isPlain || progress === 'plain') return plainDisplay(source, performance.now())
  // A terminal that does not know its size says 0.
  return liveDisplay(source, () => ({ columns: stderr.columns || 80, rows: stderr.rows || 24 }))
}

/**
 * Resolves when the text is written: false when nobody reads any more (`hearth ls | head -1`), which is no failure.
 * @throws HearthError STORE_FAILED when results cannot be written for another reason, as on a full disk.
 */
function write(stream: NodeJS.WriteStream, text: string): Promise<boolean> {
  if (text === '') return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    stream.write(text, (error: NodeJS.ErrnoException | null | undefined) => {
      // EIO: the terminal is gone. What standard error does not take cannot be reported anywhere.
      if (!error || error.code === 'EPIPE' || error.code === 'EIO' || stream === process.stderr) resolve(!error)
      else reject(new HearthError('STORE_FAILED', `cannot write the output: ${error.code}`, {}, error))
    })
  })
}

/** What is said on standard error: among JSON lines as one of them. */
async function messages(lines: readonly string[]): Promise<string> {
  if (output.progress !== 'json') return joinLines(lines)
  const { messageLines } = await import('./commands/progress-json.js')
  return joinLines(messageLines(lines))
}

function joinLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
