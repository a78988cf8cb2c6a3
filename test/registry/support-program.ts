import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes a credential helper into a folder; `script` is what a POSIX shell runs. Gives the folder, for PATH. */
export async function aHelper(folder: string, name: string, script: string): Promise<string> {
  const path = join(folder, `docker-credential-${name}`)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return folder
}
