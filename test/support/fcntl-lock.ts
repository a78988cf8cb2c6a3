import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Takes the lock that LinuxKit takes: fcntl, exclusive, the whole file. Says whether it got it, and keeps it until it is told. */
const PROGRAM = `
import fcntl, sys
file = open(sys.argv[1], 'a+')
try:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print('locked', flush=True)
except OSError:
    print('busy', flush=True)
sys.stdin.read()
`

export interface FcntlLock {
  /** Whether it got the lock at once. */
  readonly locked: boolean
  release(): Promise<void>
}

/** Another program that locks a file as LinuxKit does. */
export async function tryFcntlLock(path: string): Promise<FcntlLock> {
  const child = spawn('python3', ['-c', PROGRAM, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [answer] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    locked: answer.toString().trim() === 'locked',
    release: async () => {
      child.stdin.end()
      await exited
    },
  }
}
