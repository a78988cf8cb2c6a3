import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { after } from 'node:test'

/**
 * Starts a script of test/support with these arguments, and waits until it says (by a message) that it is ready. Killed
 * when the surrounding `describe` ends.
 */
export async function forked(script: string, args: readonly string[]): Promise<ChildProcess> {
  const child = fork(new URL(script, import.meta.url), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  after(() => kill(child))
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`${script} ended with ${code} before it was ready`)
  })
  await Promise.race([once(child, 'message'), died])
  died.catch(() => undefined)
  return child
}

/** SIGKILL, and waits for the end. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
