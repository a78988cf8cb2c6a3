import { execFileSync } from 'node:child_process'
import { rmdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why folders cannot be mounted here; false where they can. */
export const CANNOT_MOUNT: string | false = tryMounting()

/** The folder, as seen through a mount that takes no writes. Unmounted when the test file's process ends. */
export async function readOnlyMount(folder: string): Promise<string> {
  const at = await mkdtemp(join(tmpdir(), 'hearth-test-mount-'))
  execFileSync('mount', ['--bind', folder, at], { stdio: 'pipe' })
  // Before the folders of tests are removed, which would reach through the mount.
  process.prependOnceListener('exit', () => {
    execFileSync('umount', [at])
    rmdirSync(at)
  })
  execFileSync('mount', ['-o', 'remount,ro,bind', at], { stdio: 'pipe' })
  return at
}

function tryMounting(): string | false {
  if (process.geteuid?.() !== 0) return 'only root may mount'
  try {
    // In a namespace of its own: nothing is left behind, whatever happens.
    execFileSync('unshare', ['--mount', 'mount', '--bind', '/tmp', '/mnt'], { stdio: 'pipe' })
    return false
  } catch {
    return 'mounting is not allowed here'
  }
}
