import assert from 'node:assert/strict'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { readFile, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { LockTable } from '../../src/lock/fs-lock-table.js'
import { tempDir } from '../support/temp-dir.js'

const FARTHEST = 2 ** 52 - 1

describe('a table of locks', () => {
  let path: string
  let table: LockTable
  beforeEach(async () => {
    path = join(await tempDir(), 'table')
    table = new LockTable(path)
  })
  const held = async (from: LockTable, place: number) => (await from.tryLock(place)) ?? assert.fail('someone has it')

  it('gives each place to one at a time, also within a table', async () => {
    const other = new LockTable(path)
    const first = await held(table, FARTHEST)
    assert.equal(await table.tryLock(FARTHEST), undefined)
    assert.equal(await other.tryLock(FARTHEST), undefined)
    await (await held(other, FARTHEST - 1)).release()
    await first.release()
    await (await held(other, FARTHEST)).release()
  })

  it('keeps the other places when one is released, or was not to be had', async () => {
    const other = new LockTable(path)
    const [one, two] = [await held(table, 1), await held(table, 2)]
    assert.equal(await other.tryLock(1), undefined)
    await one.release()
    assert.equal(await other.tryLock(2), undefined)
    await two.release()
    await (await held(other, 2)).release()
  })

  it('releases a lock once, without freeing its next holder', async () => {
    const first = await held(table, 7)
    await first.release()
    const second = await held(table, 7)
    await first.release()
    assert.equal(await new LockTable(path).tryLock(7), undefined)
    await second.release()
  })

  it('gives each of a crowd its turn', async () => {
    let inside = 0
    const visit = async (from: LockTable): Promise<void> => {
      const lock = await from.tryLock(3)
      if (lock === undefined) return await new Promise(setImmediate).then(() => visit(from))
      inside += 1
      assert.equal(inside, 1)
      await new Promise(setImmediate)
      inside -= 1
      await lock.release()
    }
    await Promise.all(Array.from({ length: 20 }, (_, at) => visit(at % 2 === 0 ? table : new LockTable(path))))
  })

  it('tells who has a place, or had it last, as long as nobody else came into its slot', async () => {
    assert.deepEqual(table.holder(5), {})
    const lock = await held(table, 5)
    assert.deepEqual([table.holder(5), table.holder(6)], [{ pid: process.pid }, {}])
    const sameSlot = await held(table, 5 + 4096)
    assert.deepEqual([table.holder(5), table.holder(5 + 4096)], [{}, { pid: process.pid }])
    await Promise.all([lock.release(), sameSlot.release()])
    assert.deepEqual(table.holder(5 + 4096), { pid: process.pid })
  })

  it('stays a small file for the owner alone, however many places were held', async () => {
    for (let place = 0; place < 10_000; place++) await (await held(table, place * 449_999)).release()
    const { size, mode } = await stat(path)
    assert.ok(size <= 4096 * 32)
    assert.equal(mode & 0o777, 0o600)
    assert.match(await readFile(path, 'latin1'), new RegExp(`^(${process.pid} \\d+ *\\n)+$`))
  })

  it('leaves no descriptor open when nothing is held', { skip: !existsSync('/proc/self/fd') }, async () => {
    const isOpen = () => readdirSync('/proc/self/fd').some((fd) => targetOf(`/proc/self/fd/${fd}`) === path)
    const [one, two] = [await held(table, 1), await held(table, 2)]
    assert.equal(await table.tryLock(2), undefined)
    await one.release()
    assert.equal(isOpen(), true)
    await two.release()
    assert.equal(isOpen(), false)
  })

  it('follows no link, and says what is wrong with a place where no file can be', async () => {
    await symlink('elsewhere', path)
    for (const wrong of [path, join(path, 'below')]) {
      await assert.rejects(new LockTable(wrong).tryLock(1), (error) => isHearthError(error, 'STORE_FAILED'))
    }
  })
})

/** Undefined for a descriptor that was closed meanwhile. */
function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}
