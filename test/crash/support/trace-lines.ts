import { readFileSync } from 'node:fs'

/** A call that succeeded. */
export interface Done {
  readonly syscall: string
  /** As strace prints them with -y and -xx. */
  readonly args: string
  readonly result: number
}

/** The calls in a trace that succeeded, in the order in which they began. */
export function doneCalls(trace: string): Done[] {
  const lines = readFileSync(trace, 'latin1').split('\n')
  const calls: (Done | undefined)[] = []
  const open = new Map<string, { readonly at: number; readonly syscall: string; readonly args: string }>()
  for (const line of lines) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const [, begun, args = ''] = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest) ?? []
    const resumed = /^<\.\.\. \w+ resumed>(.*)\) += (-?\d+)/.exec(rest)
    const whole = /^(\w+)\((.*)\) += (-?\d+)/.exec(rest)
    if (begun !== undefined) open.set(thread, { at: calls.push(undefined) - 1, syscall: begun, args })
    else if (resumed !== null) {
      const started = open.get(thread)
      const result = Number(resumed[2])
      if (started && result >= 0) calls[started.at] = { ...started, args: started.args + (resumed[1] ?? ''), result }
    } else if (whole !== null && Number(whole[3]) >= 0) {
      calls.push({ syscall: whole[1] ?? '', args: whole[2] ?? '', result: Number(whole[3]) })
    }
  }
  return calls.filter((call) => call !== undefined)
}

/** Paths in angle brackets and texts in quotes, in order. */
export function decodeStrings(args: string): { readonly bytes: Buffer }[] {
  return [...args.matchAll(/[<"]((?:\\x[0-9a-f]{2})+)[>"]/g)].map(([, text = '']) => ({
    bytes: Buffer.from(text.replaceAll('\\x', ''), 'hex'),
  }))
}
