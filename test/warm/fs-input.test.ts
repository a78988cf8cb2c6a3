import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { constants } from 'node:fs'
import { lstat, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { readInput, readInputIfThere, writeOutput } from '../../src/warm/fs-input.js'
import { MAX_INPUT_BYTES } from '../../src/warm/parse-input.js'
import { aPipe } from '../support/a-pipe.js'
import { tempDir } from '../support/temp-dir.js'

const { signal } = new AbortController()
const folder = await tempDir()
const fails = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isHearthError(error, code))

describe('an input file', () => {
  it('is read whole', async () => {
    const path = join(folder, 'list.txt')
    await writeFile(path, 'alpine\n'.repeat(30_000))
    assert.equal((await readInput(path, signal)).length, 210_000)
  })

  it('leaves nothing behind on the signal, however many are read', async () => {
    const path = join(folder, 'small')
    await writeFile(path, 'alpine\n')
    for (let times = 0; times < 20; times++) await readInput(path, signal)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  it('that is not there is an error, or nothing', async () => {
    await fails(readInput(join(folder, 'none'), signal), 'INPUT_INVALID')
    assert.equal(await readInputIfThere(join(folder, 'none'), signal), undefined)
  })

  it('that is a folder, or lies below a file, is an error that names it', async () => {
    await writeFile(join(folder, 'file'), '')
    for (const path of [folder, join(folder, 'file', 'x')]) {
      await assert.rejects(readInput(path, signal), (error) => {
        return isHearthError(error, 'INPUT_INVALID') && error.details.file === path
      })
    }
  })

  it('is not read beyond what any input may have', async () => {
    const path = join(folder, 'huge')
    await writeFile(path, Buffer.alloc(MAX_INPUT_BYTES + 1))
    await fails(readInput(path, signal), 'INPUT_INVALID')
  })

  it('may be a pipe, and a stop ends the wait for it', async () => {
    const path = join(folder, 'pipe')
    await once(spawn('mkfifo', [path]), 'exit')
    const stopping = new AbortController()
    const waiting = fails(readInput(path, stopping.signal), 'ABORTED')
    // Opens the other end, so that the reader gets past opening its own; writes nothing.
    const writer = spawn('sh', ['-c', `exec 3>"${path}"; echo open; exec sleep 60`])
    await once(writer.stdout, 'data')
    stopping.abort()
    await waiting
    writer.kill()
    assert.deepEqual(await readInput('/dev/null', signal), Buffer.alloc(0))
    await fails(readInput(join(folder, 'list.txt'), stopping.signal), 'ABORTED')
  })
})

describe('an output file', () => {
  it('replaces what was there, as a whole', async () => {
    const path = join(folder, 'out.lock')
    await writeOutput(path, 'one')
    await writeOutput(path, 'two')
    assert.equal(await readFile(path, 'utf8'), 'two')
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('out.lock')),
      ['out.lock'],
    )
  })

  it('is what a link leads to, and no pipe is replaced by it', async () => {
    const [link, target, pipe] = [join(folder, 'link'), join(folder, 'target.lock'), join(folder, 'out-pipe')]
    await symlink(target, link)
    await writeOutput(link, 'one')
    assert.ok((await lstat(link)).isSymbolicLink())
    assert.equal(await readFile(target, 'utf8'), 'one')
    aPipe(pipe)
    const reader = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    await writeOutput(pipe, 'two')
    assert.equal((await reader.read(Buffer.alloc(10))).bytesRead, 3)
    await reader.close()
    assert.ok((await lstat(pipe)).isFIFO())
  })

  it('cannot be written where there is no folder', async () => {
    await fails(writeOutput(join(folder, 'none', 'out.lock'), 'x'), 'STORE_FAILED')
  })
})
