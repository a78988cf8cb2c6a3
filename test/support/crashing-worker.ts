/** A worker whose task ends its thread, waits for ever, throws or tells its settings, depending on the path it is given. */
import { workerData } from 'node:worker_threads'
import type { TaskOutcome, VerifyBlobTask } from '../../src/pool/tasks.js'

export default async function task({ path }: VerifyBlobTask): Promise<TaskOutcome<unknown>> {
  if (path === 'exit') process.exit(3)
  if (path === 'throw') throw new Error('a worker should never do this')
  if (path === 'hang') await new Promise(() => setInterval(() => {}, 1000))
  if (path === 'crash later') setTimeout(() => process.exit(3), 10)
  return { ok: true, value: path === 'settings' ? workerData : path }
}
