import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { HearthError, isHearthError } from '../../src/errors.js'
import { type AcquireOptions, acquireLock, type Lock, tryLock } from '../../src/lock/fs-lock.js'
import { tempDir } from '../support/temp-dir.js'

const busy: AcquireOptions['busy'] = ({ pid }) => new HearthError('LOG_BUSY', 'busy', { ...(pid && { pid }) })

describe('a file lock', () => {
  it('is held by one at a time, also within a process', async () => {
    const path = await lockPath()
    const first = await held(path)
    assert.equal(await tryLock(path), undefined)
    await first.release()
    await (await held(path)).release()
  })

  it('creates its file for the owner alone', async () => {
    const path = await lockPath()
    const lock = await held(path)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    await lock.release()
  })

  it('survives that another descriptor of its file is closed', async () => {
    const path = await lockPath()
    const lock = await held(path)
    await readFile(path)
    assert.equal(await tryLock(path), undefined)
    await lock.release()
  })

  it('lets shared holders in together and an exclusive one alone', async () => {
    const path = await lockPath()
    const readers = [await held(path, 'shared'), await held(path, 'shared')]
    assert.equal(await tryLock(path), undefined)
    for (const reader of readers) await reader.release()
    const writer = await held(path)
    assert.equal(await tryLock(path, { mode: 'shared' }), undefined)
    await writer.release()
  })

  it('may be released twice', async () => {
    const path = await lockPath()
    const lock = await held(path)
    await lock.release()
    await lock.release()
  })

  it('goes to a waiter when it is released', async () => {
    const path = await lockPath()
    const first = await held(path)
    const waiter = acquireLock(path, { timeoutMs: 10_000, busy })
    await first.release()
    await (await waiter).release()
  })

  it('serves a crowd one by one', async () => {
    const path = await lockPath()
    let inside = 0
    const jobs = Array.from({ length: 20 }, async () => {
      const lock = await acquireLock(path, { timeoutMs: 20_000, busy })
      inside++
      assert.equal(inside, 1)
      await stat(path)
      inside--
      await lock.release()
    })
    await Promise.all(jobs)
  })

  it('names the holder when the time is up', async () => {
    const path = await lockPath()
    const lock = await held(path)
    await assert.rejects(acquireLock(path, { timeoutMs: 5, busy }), (error) => {
      assert.ok(isHearthError(error, 'LOG_BUSY'))
      assert.equal(error.details.pid, process.pid)
      return true
    })
    await lock.release()
  })

  it('leaves no trace in a file of another tool', async () => {
    const path = await lockPath()
    const lock = await tryLock(path, { sign: false })
    assert.ok(lock)
    assert.equal((await readFile(path)).length, 0)
    await lock.release()
  })

  it('stops waiting when the signal says so', async () => {
    const path = await lockPath()
    const lock = await held(path)
    const controller = new AbortController()
    const waiter = acquireLock(path, { timeoutMs: 60_000, busy, signal: controller.signal })
    controller.abort()
    await assert.rejects(waiter, (error) => isHearthError(error, 'ABORTED'))
    await lock.release()
  })

  it('is not handed out on a file that its last holder removed', async () => {
    const path = await lockPath()
    const first = await held(path)
    const waiter = acquireLock(path, { timeoutMs: 10_000, busy })
    await rm(path)
    await first.release()
    const second = await waiter
    assert.equal(await tryLock(path), undefined)
    await second.release()
  })

  it('refuses a link in place of the file', async () => {
    const path = await lockPath()
    await symlink(`${path}.elsewhere`, path)
    await assert.rejects(tryLock(path), (error) => isHearthError(error, 'STORE_FAILED'))
  })

  it('refuses a folder in place of the file', async () => {
    const path = await lockPath()
    await mkdir(path)
    await assert.rejects(tryLock(path), (error) => isHearthError(error, 'STORE_FAILED'))
  })

  it('is free again when its holder was killed', async () => {
    const path = await lockPath()
    const module = new URL('../../src/lock/fs-lock.js', import.meta.url).href
    const script = `
      const { tryLock } = await import(${JSON.stringify(module)})
      await tryLock(process.argv[1])
      process.stdout.write('locked')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path])
    await once(child.stdout, 'data')
    await assert.rejects(acquireLock(path, { timeoutMs: 0, busy }), (error) => {
      assert.ok(isHearthError(error, 'LOG_BUSY'))
      return error.details.pid === child.pid
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    await (await held(path)).release()
  })
})

async function held(path: string, mode: 'exclusive' | 'shared' = 'exclusive'): Promise<Lock> {
  const lock = await tryLock(path, { mode })
  assert.ok(lock, 'the lock is free')
  return lock
}

async function lockPath(): Promise<string> {
  return join(await tempDir(), 'x.lock')
}
