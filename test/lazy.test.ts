import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lazy } from '../src/lazy.js'

describe('Lazy', () => {
  /** Makes 1, 2, 3 …, each when it is told to. */
  function counted() {
    const settle: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
    const lazy = new Lazy(
      () =>
        new Promise<number>((resolve, reject) => {
          const number = settle.length + 1
          settle.push({ resolve: () => resolve(number), reject })
        }),
    )
    return { lazy, settle }
  }
  const failure = new Error('failed')

  it('is made at first use, once for all', async () => {
    const { lazy, settle } = counted()
    assert.equal(settle.length, 0)
    const all = [lazy.get(), lazy.get()]
    settle[0]?.resolve()
    assert.deepEqual(await Promise.all([...all, lazy.get()]), [1, 1, 1])
  })

  it('is made again after a failure', async () => {
    const { lazy, settle } = counted()
    const first = lazy.get()
    settle[0]?.reject(failure)
    await assert.rejects(first, failure)
    const second = lazy.get()
    settle[1]?.resolve()
    assert.equal(await second, 2)
  })

  it('is ended when it was made, and not made for that', async () => {
    const { lazy, settle } = counted()
    const ended: number[] = []
    const end = async (made: number) => void ended.push(made)
    await lazy.close(end)
    assert.deepEqual([settle.length, ended], [0, []])
    const made = lazy.get()
    settle[0]?.resolve()
    await made
    await lazy.close(end)
    await lazy.close(end)
    assert.deepEqual(ended, [1])
  })

  it('is ended once, also when two do it at the same time, and while it is being made', async () => {
    const { lazy, settle } = counted()
    const ended: number[] = []
    const made = lazy.get()
    const closed = [1, 2].map(() => lazy.close(async (value) => void ended.push(value)))
    settle[0]?.resolve()
    await Promise.all([made, ...closed])
    assert.deepEqual(ended, [1])
  })

  it('has nothing to end when it could not be made', async () => {
    const { lazy, settle } = counted()
    const made = lazy.get()
    const closed = lazy.close(async () => assert.fail('there is nothing'))
    settle[0]?.reject(failure)
    await assert.rejects(made, failure)
    await closed
  })

  it('does not forget a new one when an old one fails late', async () => {
    const { lazy, settle } = counted()
    const old = lazy.get()
    const closed = lazy.close(async () => undefined)
    const current = lazy.get()
    settle[0]?.reject(failure)
    await assert.rejects(old, failure)
    await closed
    settle[1]?.resolve()
    assert.deepEqual([await current, await lazy.get()], [2, 2])
  })
})
