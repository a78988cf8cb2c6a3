import { execFileSync } from 'node:child_process'

const program = 'mkfifo'

/** Plants a named pipe: whoever opens it without care waits for ever. */
export function aPipe(path: string): void {
  execFileSync(program, [path])
}
