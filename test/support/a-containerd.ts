import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTool } from './interop.js'
import { tempDir } from './temp-dir.js'

export interface Containerd {
  /** Runs ctr against it; gives its standard output. */
  ctr(...args: readonly string[]): Promise<string>
  close(): Promise<void>
}

const START_WITHIN_MS = 30_000

/** A containerd of the test's own, without anything that would need a network or a runtime. As root. */
export async function startContainerd(): Promise<Containerd> {
  const folder = await tempDir()
  const [config, socket] = [join(folder, 'config.toml'), join(folder, 'sock')]
  await writeFile(
    config,
    [
      'version = 2',
      `root = "${join(folder, 'root')}"`,
      `state = "${join(folder, 'state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      '[grpc]',
      `  address = "${socket}"`,
    ].join('\n'),
  )
  const child = spawn('containerd', ['-c', config], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  const deadline = performance.now() + START_WITHIN_MS
  while (!(await isThere(socket))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('containerd did not start')
    await sleep(20)
  }
  return {
    ctr: (...args) => runTool('ctr', '-a', socket, ...args),
    async close() {
      child.kill()
      await ended
    },
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
