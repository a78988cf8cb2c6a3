import assert from 'node:assert/strict'
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { acquireLock } from '../../src/lock/fs-lock.js'
import { LevelEventLog } from '../../src/log/level-event-log.js'
import { replaceDatabase } from '../../src/log/level-replace.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { HEARTH_FOLDER, LOG_FOLDER, LOG_LOCK } from '../../src/oci/image-layout.js'
import { eventLogContract } from '../contract/event-log.contract.js'
import { aLogFolder, PATIENT, startLogProcess, withLevelLog } from '../support/a-level-log.js'
import { blobCommitted, blobRemoved, readAll, referenceSet } from '../support/a-log.js'
import { tempDir } from '../support/temp-dir.js'

eventLogContract('LevelEventLog', async () => LevelEventLog.open(await aLogFolder(), PATIENT))

describe('a log on disk', () => {
  it('is there again for the next process', async () => {
    const root = await aLogFolder()
    const records = await withLevelLog(root, (log) => log.append([blobCommitted('a'), referenceSet('app:1')], 0))
    assert.deepEqual(await withLevelLog(root, (log) => readAll(log.read(0))), records)
  })

  it('reads a history longer than one page', async () => {
    const root = await aLogFolder()
    await withLevelLog(root, async (log) => {
      const events = Array.from({ length: 2500 }, (_, n) => blobCommitted(`blob ${n}`))
      const records = await log.append(events, 0)
      assert.deepEqual(await readAll(log.read(0)), records)
      assert.deepEqual(await readAll(log.read(999)), records.slice(999))
    })
  })

  it('lets others append while a history is read, and ends where it began', async () => {
    const root = await aLogFolder()
    await withLevelLog(root, async (log) => {
      await log.append([blobCommitted('a'), blobCommitted('b')], 0)
      let read = 0
      for await (const { position } of log.read(0)) {
        await log.append([blobCommitted(`more ${position}`)], position + 1)
        read++
      }
      assert.equal(read, 2)
    })
  })

  it('is one queue for all handles of a process, by whatever path', async () => {
    const root = await aLogFolder()
    const link = join(await tempDir(), 'link')
    await symlink(root, link)
    const logs = [await LevelEventLog.open(root, PATIENT), await LevelEventLog.open(link, PATIENT)]
    const holds = Array.from({ length: 20 }, (_, n) =>
      logs[n % 2]?.hold((held) => held.append([blobCommitted(`blob ${n}`)])),
    )
    await Promise.all(holds)
    await logs[0]?.close()
    const records = await readAll(logs[1]?.read(0) ?? assert.fail())
    assert.equal(applyAll(emptyIndex, records).blobs.size, 20)
    await logs[1]?.close()
  })

  it('keeps the number of its files small over many short holds', async () => {
    const root = await aLogFolder()
    // Events that change nothing in the projection: nothing but the heads makes the key ranges of the files overlap.
    for (let n = 0; n < 150; n++) {
      await withLevelLog(root, (log) => log.hold((held) => held.append([blobRemoved('never there')])))
    }
    const tables = (await readdir(join(root, LOG_FOLDER))).filter((name) => name.endsWith('.ldb'))
    assert.ok(tables.length < 20, `${tables.length} tables`)
  })
})

describe('a log on a disk that fills up', () => {
  it('keeps a reserve, and lets work that frees space have it', async () => {
    const root = await aLogFolder()
    await withLevelLog(root, (log) => log.hold((held) => held.append([blobCommitted('a')])))
    assert.ok((await readdir(join(root, HEARTH_FOLDER))).includes('reserve'))
    await withLevelLog(root, (log) => log.hold((held) => held.append([blobRemoved('a')]), { useReserve: true }))
    assert.equal((await withLevelLog(root, (log) => readAll(log.read(0)))).length, 2)
  })
})

describe('a log that is not there', () => {
  it('is no cache without the folder', async () => {
    const root = await tempDir()
    for (const path of [root, join(root, 'nowhere')]) {
      await assert.rejects(LevelEventLog.open(path, PATIENT), (error) => isHearthError(error, 'CACHE_MISSING'))
    }
  })

  it('is no cache when initialising it was never finished', async () => {
    const root = await tempDir()
    await mkdir(join(root, HEARTH_FOLDER))
    await withLevelLog(root, (log) =>
      assert.rejects(log.append([blobCommitted('a')], 0), (error) => isHearthError(error, 'CACHE_MISSING')),
    )
    assert.deepEqual(await readdir(join(root, HEARTH_FOLDER)), ['log.lock'])
  })

  it('may be initialised twice without losing anything', async () => {
    const root = await aLogFolder()
    const records = await withLevelLog(root, (log) => log.append([blobCommitted('a')], 0))
    await LevelEventLog.init(root, PATIENT)
    assert.deepEqual(await withLevelLog(root, (log) => readAll(log.read(0))), records)
  })
})

describe('a log shared by processes', () => {
  it('is one contiguous history of what all were told is durable', async () => {
    const root = await aLogFolder()
    const others = Promise.all(['one', 'two'].map((name) => startLogProcess('append', root, '40', name)))
    const own = withLevelLog(root, async (log) => {
      for (let n = 0; n < 40; n++) await log.hold((held) => held.append([blobCommitted(`own ${n}`)]))
    })
    const [processes] = await Promise.all([others, own])
    assert.deepEqual(
      processes.map(({ said }) => said),
      [40, 40],
    )
    const records = await withLevelLog(root, (log) => readAll(log.read(0)))
    assert.equal(applyAll(emptyIndex, records).blobs.size, 120)
    assert.equal(records.length, 120)
  })

  it('may be made anew by one of them: what the others have seen of the old one says nothing about it', async () => {
    const root = await aLogFolder()
    const log = await LevelEventLog.open(root, PATIENT)
    await log.append([blobCommitted('a'), blobCommitted('b')], 0)
    // Without a word to the handles of this process.
    const lock = await acquireLock(join(root, LOG_LOCK), { timeoutMs: 10_000, busy: () => assert.fail() })
    const stamp = () => ({ id: globalThis.crypto.randomUUID(), at: new Date().toISOString() })
    await replaceDatabase(root, { events: [referenceSet('app:1')], stamp })
    await lock.release()
    const records = await readAll(log.read(0))
    assert.deepEqual(
      [...records, ...(await log.append([referenceSet('app:2')], 1))].map(({ position }) => position),
      [1, 2],
    )
    await log.close()
  })

  it('names the process that does not let go, and is free when that is killed', async () => {
    const root = await aLogFolder()
    const holder = await startLogProcess('hold', root)
    const impatient = await LevelEventLog.open(root, { lockTimeoutMs: 20 })
    await assert.rejects(impatient.append([blobCommitted('a')], 0), (error) => {
      assert.ok(isHearthError(error, 'LOG_BUSY'))
      return error.details.pid === holder.pid
    })
    await holder.kill()
    assert.equal((await impatient.append([blobCommitted('a')], 0)).length, 1)
    await impatient.close()
  })

  it('stops waiting for another process when the signal says so, or when it is closed', async () => {
    const root = await aLogFolder()
    const holder = await startLogProcess('hold', root)
    const log = await LevelEventLog.open(root, PATIENT)
    const controller = new AbortController()
    const waiting = [
      log.append([blobCommitted('a')], 0, { signal: controller.signal }),
      log.append([blobCommitted('a')], 0),
    ]
    const outcomes = Promise.allSettled(waiting)
    controller.abort()
    await log.close()
    for (const outcome of await outcomes) {
      assert.ok(outcome.status === 'rejected' && isHearthError(outcome.reason, 'ABORTED'))
    }
    await holder.kill()
  })

  it('is busy when a program that does not know our lock has it open', async () => {
    const root = await aLogFolder()
    const intruder = await startLogProcess('intrude', root)
    await withLevelLog(root, (log) =>
      assert.rejects(log.append([blobCommitted('a')], 0), (error) => isHearthError(error, 'LOG_BUSY')),
    )
    await intruder.kill()
  })
})
