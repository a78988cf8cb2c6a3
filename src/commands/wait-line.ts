import type { LockWait } from '../index.js'

/** Who is waited for, as a message. */
export function waitLine({ for: what, pid }: LockWait): string {
  const holder = pid === undefined ? 'another process' : `process ${pid}`
  return `waiting for ${holder} to let go of ${what === 'log' ? 'the log' : what}`
}
