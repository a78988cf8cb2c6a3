import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exchangeProgress } from '../../src/commands/exchange-progress.js'

const MIB = 1024 * 1024

describe('the progress of an export or import', () => {
  it('shows bytes, rate and time left', () => {
    const source = exchangeProgress(0)
    assert.deepEqual(source.frame(1000, 10), ['reading what there is'])
    source.apply({ type: 'export-progress', bytes: MIB, totalBytes: 4 * MIB }, 1000)
    assert.deepEqual(source.frame(2000, 10), ['1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6.0 s left'])
  })

  it('shows what it read of a pipe, whose end nobody knows', () => {
    const source = exchangeProgress(0)
    source.apply({ type: 'import-progress', source: '-', bytes: 2 * MIB }, 1000)
    assert.deepEqual(source.frame(1000, 10), ['-: 2.0 MiB, 2.0 MiB/s'])
  })

  it('begins anew with each source, whose name can do no harm', () => {
    const source = exchangeProgress(0)
    const both = { type: 'import-progress', bytes: MIB, totalBytes: MIB } as const
    source.apply({ ...both, source: 'one.tar' }, 9000)
    source.apply({ ...both, source: 'two\u001b.tar' }, 10_000)
    assert.deepEqual(source.frame(11_000, 10), ['two\\u001b.tar: 1.0 MiB of 1.0 MiB, 1.0 MiB/s'])
    assert.deepEqual(source.totals(11_000), { ...both, source: 'two\u001b.tar' })
  })
})
