import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A folder of this test's own. Removed when the surrounding `describe` (or file) ends. */
export async function tempDir(prefix = 'hearth-test-'): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  after(() => rm(path, { recursive: true, force: true }))
  return path
}
