import assert from 'node:assert/strict'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { HearthEvent, Recorded } from '../../src/log/events.js'
import { removeTorn, writeArchive } from '../../src/log/fs-archive.js'
import { recordKey } from '../../src/log/level-format.js'
import { applyAll, emptyIndex } from '../../src/log/projection.js'
import { encodeRecord, headOf } from '../../src/log/record.js'
import { ARCHIVE_FOLDER } from '../../src/oci/image-layout.js'
import { aLogFolder, startLogProcess, withDatabase, withLevelLog } from '../support/a-level-log.js'
import { blobCommitted, readAll, referenceRemoved, referenceSet } from '../support/a-log.js'

const corrupt = (error: unknown): boolean => isHearthError(error, 'LOG_CORRUPT')

function events(count: number): HearthEvent[] {
  return Array.from({ length: count }, (_, at) =>
    at % 3 === 0
      ? blobCommitted(`blob ${at}`)
      : at % 3 === 1
        ? referenceSet(`app:${at}`)
        : referenceRemoved(`app:${at - 1}`),
  )
}

describe('a compacted log', () => {
  let root: string
  let before: readonly Recorded[]
  beforeEach(async () => {
    root = await aLogFolder()
    before = await withLevelLog(root, (log) => log.append(events(30), 0))
  })

  const compact = (keep: number) => withLevelLog(root, (log) => log.compact(keep))
  const readFrom = (position: number) => withLevelLog(root, (log) => readAll(log.read(position)))
  const archives = () => readdir(join(root, ARCHIVE_FOLDER))

  it('gives back all records, from any position, with those that came after', async () => {
    const made = await compact(10)
    assert.deepEqual(
      made.map(({ from, through }) => [from, through]),
      [[1, 20]],
    )
    await withLevelLog(root, (log) => log.append([referenceSet('later')], 31))
    const all = await readFrom(0)
    assert.deepEqual(all.slice(0, 30), before)
    assert.deepEqual(
      all.slice(30).map(({ position, type }) => [position, type]),
      [
        [31, 'LogCompacted'],
        [32, 'ReferenceSet'],
      ],
    )
    for (const position of [0, 1, 19, 20, 21, 31, 32]) assert.deepEqual(await readFrom(position), all.slice(position))
  })

  it('answers as the fold of all its records does', async () => {
    await compact(0)
    const state = applyAll(emptyIndex, await readFrom(0))
    await withLevelLog(root, (log) =>
      log.hold(async (held) => {
        assert.deepEqual([held.head, await held.references()], [state.head, state.references])
        assert.deepEqual([...(await held.archives())], [...state.archives])
      }),
    )
  })

  it('takes the records out of the database', async () => {
    await compact(10)
    await withDatabase(root, async (database) => {
      assert.equal(await database.get(recordKey(20)), undefined)
      assert.ok(await database.get(recordKey(21)))
    })
  })

  it('is compacted again: archives follow one another, and nothing is archived twice', async () => {
    await compact(20)
    assert.deepEqual(await compact(21), [])
    await compact(0)
    // What is left is the record of the last archive: alone it is not worth another one.
    assert.deepEqual(await compact(0), [])
    const all = await readFrom(0)
    assert.deepEqual(all.slice(0, 30), before)
    assert.equal(applyAll(emptyIndex, all).head.position, 32)
    assert.equal((await archives()).length, 2)
  })

  it('keeps records as they are stored, byte for byte', async () => {
    await compact(10)
    const [name = ''] = await archives()
    const lines = (await readFile(join(root, ARCHIVE_FOLDER, name), 'utf8')).split('\n')
    assert.deepEqual(lines, [...before.slice(0, 20).map(encodeRecord), ''])
  })

  it('does again what a crash before the last step left undone', async () => {
    const texts = before.slice(0, 20).map(encodeRecord)
    await writeArchive(root, texts, { from: 1, end: headOf(before[19] ?? assert.fail()) })
    await writeFile(join(root, ARCHIVE_FOLDER, '1-25.0123.jsonl.tmp'), 'half of it')
    assert.deepEqual(await readFrom(0), before)
    await compact(10)
    assert.deepEqual((await readFrom(0)).slice(0, 30), before)
    assert.equal((await archives()).length, 1)
  })

  it('loses what was left of an archive that was not finished, and nothing else, to gc', async () => {
    await compact(10)
    await writeFile(join(root, ARCHIVE_FOLDER, '21-25.0123.jsonl.tmp'), 'half of it')
    const later = Date.now() + 60_000
    assert.deepEqual(await removeTorn(root, { before: 0 }), { count: 0, bytes: 0 })
    assert.deepEqual(await removeTorn(root, { before: later, dryRun: true }), { count: 1, bytes: 10 })
    assert.deepEqual(await removeTorn(root, { before: later }), { count: 1, bytes: 10 })
    assert.equal((await archives()).length, 1)
    assert.deepEqual((await readFrom(0)).slice(0, 30), before)
  })

  it('goes on for a process that had seen a record which is archived by now', async () => {
    await withLevelLog(root, async (log) => {
      const iteration = log.read(0)[Symbol.asyncIterator]()
      await iteration.next()
      await log.hold(async () => undefined)
      await startLogProcess('append', root, '40', 'other')
      await startLogProcess('compact', root, '0')
      assert.equal((await log.append([referenceSet('still here')], 71)).length, 1)
      const rest: Recorded[] = []
      for await (const recorded of { [Symbol.asyncIterator]: () => iteration }) rest.push(recorded)
      assert.deepEqual(rest, before.slice(1))
      assert.equal((await readAll(log.read(0))).length, 72)
    })
  })

  it('works beside others that append', async () => {
    await withLevelLog(root, async (log) => {
      const appends = Array.from({ length: 20 }, (_, n) =>
        log.hold((held) => held.append([blobCommitted(`more ${n}`)])),
      )
      await Promise.all([...appends, log.compact(0), log.compact(5)])
      const all = await readAll(log.read(0))
      const { length } = all.filter(({ type }) => type === 'LogCompacted')
      assert.equal(applyAll(emptyIndex, all).head.position, 50 + length)
    })
  })

  const damages: readonly [string, (path: string) => Promise<unknown>][] = [
    ['is missing', (path) => rm(path)],
    ['is cut short', (path) => truncate(path, 500)],
    ['has a changed byte', async (path) => writeFile(path, (await readFile(path, 'utf8')).replace('app:1', 'app:2'))],
    ['is empty', (path) => truncate(path, 0)],
  ]
  for (const [what, damage] of damages) {
    it(`says so when an archive ${what}, and goes on with what it has`, async () => {
      await compact(10)
      const [name = ''] = await archives()
      await damage(join(root, ARCHIVE_FOLDER, name))
      await assert.rejects(readFrom(0), corrupt)
      assert.deepEqual((await readFrom(20)).slice(0, 10), before.slice(20))
      await withLevelLog(root, (log) => log.append([referenceSet('later')], 31))
    })
  }

  it('is not taken for one that lost its beginning, nor the other way round', async () => {
    await compact(10)
    await withDatabase(root, (database) => database.del(recordKey(21)))
    await assert.rejects(readFrom(20), corrupt)
  })
})
