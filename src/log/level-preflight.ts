import { closeSync, openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { storeFailure } from './fs-failure.js'

/** LOG, LOCK, the folder, two manifests, two write-ahead logs, CURRENT's temporary file. */
const DESCRIPTORS = 8

/**
 * Makes sure that LevelDB will be able to read its write-ahead logs. It takes one that it cannot open or read for empty,
 * and removes it: one moment without a free descriptor, or one bad read, and acknowledged events are gone. So they are read
 * here first, which leaves them in memory, while as many descriptors are open as LevelDB is going to need.
 * @throws HearthError STORE_FAILED when it would not; nothing was touched then.
 */
export async function checkReadable(folder: string): Promise<void> {
  const spare: number[] = []
  try {
    while (spare.length < DESCRIPTORS) spare.push(openSync(folder, 'r'))
    for (const name of await readdir(folder)) if (name.endsWith('.log')) await readFile(join(folder, name))
  } catch (error) {
    throw storeFailure(error, `read the log in ${folder}`)
  } finally {
    for (const descriptor of spare) closeSync(descriptor)
  }
}
