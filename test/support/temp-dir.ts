import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folders: string[] = []

// Not node:test's `after`: called in a beforeEach hook, that would remove the folder before the test begins.
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder of this test's own. Removed when the test file's process ends. */
export async function tempDir(prefix = 'hearth-test-'): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  folders.push(path)
  return path
}
