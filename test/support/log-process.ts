/**
 * Another process that uses the log of a cache, for tests that need one. Says one thing over the channel to its parent:
 *
 *     init <root>                    makes the folder a cache, says its format
 *     append <root> <count> <name>   appends `count` blobs one by one, then says how many it was told are durable
 *     hold <root>                    says so when it holds the log, and never lets go
 *     intrude <root>                 opens LevelDB without our lock, says so, and keeps it open
 *     compact <root> <keep>          archives all but the last records, says how many archives that made
 *     fill <root> <sizes>            appends blobs with media types of these lengths, says what became of each hold:
 *                                    `10+20,30` are two holds, the first with two appends
 */
import { join } from 'node:path'
import { Level } from 'level'
import { isHearthError } from '../../src/errors.js'
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { openOrInit } from '../../src/materialise/fs-init.js'
import { LOG_FOLDER } from '../../src/oci/image-layout.js'
import { blobCommitted } from './a-log.js'

const [, , command, root = '', ...rest] = process.argv
if (command === 'init') say(await openOrInit(root, { lockTimeoutMs: 60_000 }))
const log = await LevelEventLog.open(root, { lockTimeoutMs: 60_000 })
switch (command) {
  case 'init':
    break
  case 'append':
    say(await append(Number(rest[0]), rest[1] ?? ''))
    break
  case 'hold':
    await log.hold(() => {
      say('holding')
      return new Promise(() => setInterval(() => {}, 1000))
    })
    break
  case 'intrude':
    await new Level(join(root, LOG_FOLDER)).open()
    say('intruding')
    setInterval(() => {}, 1000)
    break
  case 'compact':
    say((await log.compact(Number(rest[0]))).length)
    break
  case 'fill':
    say(await fill((rest[0] ?? '').split(',').map((hold) => hold.split('+').map(Number))))
    break
  default:
    throw new TypeError(`no such command: ${command}`)
}
await log.close()
process.channel?.unref()

async function append(count: number, name: string): Promise<number> {
  let durable = 0
  for (let n = 0; n < count; n++) {
    durable += (await log.hold((held) => held.append([blobCommitted(`${name} ${n}`)]))).length
  }
  return durable
}

async function fill(holds: readonly (readonly number[])[]): Promise<readonly string[]> {
  const outcomes: string[] = []
  let n = 0
  for (const sizes of holds) {
    const work = log.hold(async (held) => {
      for (const size of sizes) await held.append([blobCommitted(`${n++}`, { mediaType: noise(size) })])
    })
    const outcome = await work.then(
      () => 'durable',
      (error: unknown) => (isHearthError(error) ? error.code : String(error)),
    )
    outcomes.push(outcome)
  }
  return outcomes
}

/** Text that does not compress. */
function noise(length: number): string {
  return Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(Math.min(65_536, length))))
    .toString('base64')
    .repeat(Math.ceil(length / 65_536))
    .slice(0, length)
}

/** Over the channel of a forked process, else as JSON on stdout. */
function say(what: unknown): void {
  if (process.send) process.send(what)
  else process.stdout.write(JSON.stringify(what))
}
