/** Named pipes: whoever waits for their other end in a thread cannot exit. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { before, describe, it } from 'node:test'
import { aPipe } from '../support/a-pipe.js'
import { anImage } from '../support/an-image.js'
import { HEARTH, hearthOk, startHearth } from '../support/hearth.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { writeLayout } from '../support/write-layout.js'

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants
const NAME = 'example.com/app:1'

describe('a named pipe', () => {
  let cache: string
  let pipe: string

  before(async () => {
    cache = await tempDir()
    pipe = join(await tempDir(), 'pipe')
    aPipe(pipe)
    // More than a pipe holds.
    await writeLayout(cache, [{ name: NAME, image: await anImage({ layers: [{ bytes: 300_000 }] }) }])
  })

  for (const argv of [['import'], ['warm', '-f']]) {
    it(`to which nobody writes keeps nobody from stopping hearth ${argv.join(' ')}`, async () => {
      const { child, ended } = startHearth([...argv, pipe, '--cache', await tempDir()])
      const writer = await onceRead(pipe)
      child.kill('SIGINT')
      const { exitCode } = await ended
      await writer.close()
      assert.equal(exitCode, 130)
    })
  }

  it('from which nobody reads on keeps nobody from stopping hearth export', async () => {
    const reader = await open(pipe, O_RDONLY | O_NONBLOCK)
    const { child, ended } = startHearth(['export', NAME, '-o', pipe, '--cache', cache])
    await until(async () => (await reader.read(Buffer.alloc(1)).catch(() => ({ bytesRead: 0 }))).bytesRead === 1)
    child.kill('SIGINT')
    const { exitCode } = await ended
    await reader.close()
    assert.equal(exitCode, 130)
  })

  it('carries an archive from one cache to another', async () => {
    const into = await tempDir()
    const exporting = hearthOk(['export', NAME, '-o', pipe, '--cache', cache])
    await hearthOk(['import', pipe, '--cache', into])
    await exporting
    assert.match(await hearthOk(['ls', '--cache', into]), /example\.com\/app:1/)
  })

  it('gets the same bytes as a file, also one that has no name but that of a descriptor', async () => {
    const [file, copy] = [join(await tempDir(), 'file'), join(await tempDir(), 'copy')]
    const exporting = hearthOk(['export', NAME, '-o', pipe, '--cache', cache])
    await writeFile(copy, await readFile(pipe))
    await exporting
    await hearthOk(['export', NAME, '-o', file, '--cache', cache])
    assert.ok((await readFile(copy)).equals(await readFile(file)))
    assert.ok((await throughShell('export', NAME, '--cache', cache)).equals(await readFile(file)))
  })
})

/** What a shell's pipe carries, given to hearth under the name that `>(…)` has. */
async function throughShell(...argv: string[]): Promise<Buffer> {
  const script = '{ "$@" -o /dev/fd/3 3>&1 >&2; } | cat'
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, HEARTH, ...argv], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return await buffer(child.stdout)
}

/** The other end, as soon as there is somebody who reads. */
async function onceRead(pipe: string): Promise<FileHandle> {
  let writer: FileHandle | undefined
  await until(async () => {
    writer = await open(pipe, O_WRONLY | O_NONBLOCK).catch(() => undefined)
    return writer !== undefined
  })
  return writer ?? assert.fail()
}
