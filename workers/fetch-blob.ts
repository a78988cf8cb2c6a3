import { workerData } from 'node:worker_threads'
import { FsIngest } from '../src/blobs/fs-ingest.js'
import { toFailure } from '../src/errors.js'
import { stopRequested } from '../src/pool/task-control.js'
import type { FetchBlobTask, FetchBlobValue, TaskOutcome, WorkerSettings } from '../src/pool/tasks.js'
import { openTransport, type Transport } from '../src/registry/http-dispatcher.js'
import { buildLeanConnector } from '../src/registry/http-lean-socket.js'
import { BlobDownload } from './blob-download.js'
import { enterLoad } from './load.js'

/** How often a task that waits for the network looks whether it should stop. */
const STOP_POLL_MS = 100

/** Streams one blob into its ingest, hashing as it goes. Never throws: a failure is a value, so its code survives. */
export default function fetchBlobTask(task: FetchBlobTask): Promise<TaskOutcome<FetchBlobValue>> {
  return fetchBlob(task, workerData as WorkerSettings)
}

/** The same on the calling thread. Idempotent: whatever is in the ingest already is used or thrown away. */
export async function fetchBlob(task: FetchBlobTask, settings: WorkerSettings): Promise<TaskOutcome<FetchBlobValue>> {
  try {
    return { ok: true, value: await run(task, settings) }
  } catch (error) {
    return { ok: false, failure: toFailure(error) }
  }
}

/** Ends the calling thread's connections; a worker thread's end with the thread. Idempotent. */
export async function closeTransport(settings: WorkerSettings): Promise<void> {
  const transport = transports.get(settings)
  transports.delete(settings)
  await transport?.close()
}

/** One set of connections for each thread, kept between its tasks. */
const transports = new Map<WorkerSettings, Transport>()

function transportFor(settings: WorkerSettings): Transport {
  const existing = transports.get(settings)
  if (existing !== undefined) return existing
  const opened = openTransport(settings.transport, { build: buildLeanConnector })
  transports.set(settings, opened)
  return opened
}

async function run(task: FetchBlobTask, settings: WorkerSettings): Promise<FetchBlobValue> {
  // First: when it throws, nothing else has been begun.
  const ingest = FsIngest.open(task.ingest, task)
  const stop = new AbortController()
  const poll = setInterval(() => stopRequested(task.control) && stop.abort(), STOP_POLL_MS)
  const leave = enterLoad(settings)
  try {
    const download = new BlobDownload({
      task,
      settings,
      ingest,
      transport: transportFor(settings),
      signal: stop.signal,
    })
    const value = await download.complete()
    await ingest.seal(task.durability)
    return value
  } finally {
    leave()
    clearInterval(poll)
    await ingest.close()
  }
}
