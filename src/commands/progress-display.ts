import { displayWidth, truncate } from './printable.js'

/** Something under way that can be shown. */
export interface ProgressSource<E> {
  apply(event: E, nowMs: number): void
  /** At most `rows` lines, the headline first. */
  frame(nowMs: number, rows: number): readonly string[]
  /** Lines about one event that are worth keeping. */
  remarks(event: E, nowMs: number): readonly string[]
  /** What a machine is told of one event; undefined for nothing. */
  record(event: E, nowMs: number): object | undefined
  /** What a machine is told every second. */
  totals(nowMs: number): object | undefined
}

/** Shows progress by giving back the text to write to the terminal or log; empty when there is nothing to write. */
export interface ProgressDisplay<E> {
  event(event: E, nowMs: number): string
  /** To be called ten times a second. */
  tick(nowMs: number): string
  /** Takes away what is only of interest while it runs. */
  end(): string
}

/** Of the window, in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

const OVERALL_EVERY_MS = 5000
/** Continuous integration kills jobs that are silent for long: an unchanged line is repeated after a minute. */
const UNCHANGED_EVERY_MS = 60_000

/** Redraws the source's frame in place. @param size asked at each drawing: windows are resized. */
export function liveDisplay<E>(source: ProgressSource<E>, size: () => TerminalSize): ProgressDisplay<E> {
  let drawn: readonly string[] = []
  return {
    event(event, nowMs) {
      source.apply(event, nowMs)
      return ''
    },
    tick(nowMs) {
      const { columns, rows } = size()
      // The last row stays free: the cursor rests there, and writing in it would scroll the first line away.
      const lines = source.frame(nowMs, Math.max(1, rows - 1)).map((line) => truncate(line, columns))
      const text = redraw(drawn, lines, columns)
      drawn = lines
      return text
    },
    end() {
      const text = drawn.length === 0 ? '' : redraw(drawn, [], size().columns)
      drawn = []
      return text
    },
  }
}

/** Lines that are only ever added: remarks as they come, the headline every few seconds. */
export function plainDisplay<E>(source: ProgressSource<E>, startMs: number): ProgressDisplay<E> {
  let lookedMs = startMs
  let toldMs = startMs
  let told = ''
  return {
    event(event, nowMs) {
      source.apply(event, nowMs)
      return joinLines(source.remarks(event, nowMs))
    },
    tick(nowMs) {
      if (nowMs - lookedMs < OVERALL_EVERY_MS) return ''
      lookedMs = nowMs
      const [line = ''] = source.frame(nowMs, 1)
      if (line === told && nowMs - toldMs < UNCHANGED_EVERY_MS) return ''
      told = line
      toldMs = nowMs
      return joinLines([line])
    },
    end: () => '',
  }
}

/** Shows nothing, but keeps the source up to date. */
export function silentDisplay<E>(source: ProgressSource<E>): ProgressDisplay<E> {
  return {
    event(event, nowMs) {
      source.apply(event, nowMs)
      return ''
    },
    tick: () => '',
    end: () => '',
  }
}

/**
 * ANSI text that replaces lines drawn before, each ended by a newline. Lines are overwritten and only the rest is erased:
 * erasing first would flicker. A window narrower than before has wrapped the old lines, hence `columns`.
 */
export function redraw(drawn: readonly string[], lines: readonly string[], columns: number): string {
  const up = drawn.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / columns)), 0)
  const home = up === 0 ? '' : `\x1b[${up}A`
  return `${home}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`
}

function joinLines(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
