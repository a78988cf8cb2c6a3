import { readFile } from 'node:fs/promises'
import { hasCode } from './fs-error.js'

const LINUX_BOOT_ID = '/proc/sys/kernel/random/boot_id'

/**
 * Names this boot of the machine: two values are equal only if no reboot lies between them. Where the system does not tell,
 * each call gives another name, so that nothing but what was fsynced is trusted: the time of start-up, computed from clock
 * and uptime, would drift with every correction of the clock.
 */
export async function readBootId(path = LINUX_BOOT_ID): Promise<string> {
  try {
    const id = (await readFile(path, 'latin1')).trim()
    if (id !== '') return id
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EPERM')) throw error
  }
  return `unknown-${globalThis.crypto.randomUUID()}`
}
