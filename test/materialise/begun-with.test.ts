/** Edits of an older index.json, when the log lies on the disk: where the record for which it accounts is found. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { HearthEvent } from '../../src/log/events.js'
import type { LevelEventLog } from '../../src/log/level-event-log.js'
import { materialise } from '../../src/materialise/materialise.js'
import { MemoryIndexFile } from '../../src/materialise/memory-index-file.js'
import { ARCHIVE_FOLDER, REF_NAME } from '../../src/oci/image-layout.js'
import { aLogFolder, withLevelLog } from '../support/a-level-log.js'
import { referenceSet } from '../support/a-log.js'

interface Parts {
  readonly log: LevelEventLog
  readonly file: MemoryIndexFile
  /** Appends, and gives the names that the log has then. */
  readonly record: (...events: readonly HearthEvent[]) => Promise<readonly string[]>
  readonly loseArchives: () => Promise<void>
}

async function withParts(work: (parts: Parts) => Promise<void>): Promise<void> {
  const root = await aLogFolder()
  const file = new MemoryIndexFile()
  const loseArchives = () => rm(join(root, ARCHIVE_FOLDER), { recursive: true })
  await withLevelLog(root, async (log) => {
    const record = (...events: readonly HearthEvent[]) =>
      log.hold(async (held) => {
        await held.append(events)
        await materialise(held, file)
        return [...(await held.references()).keys()]
      })
    await work({ log, file, record, loseArchives })
  })
}

/** As a tool that keeps our annotations takes a name away. */
function without(name: string, index: Uint8Array | undefined): Uint8Array {
  const { manifests, ...rest } = JSON.parse(new TextDecoder().decode(index)) as {
    manifests: { annotations: Record<string, string> }[]
  }
  const left = manifests.filter(({ annotations }) => annotations[REF_NAME] !== name)
  return new TextEncoder().encode(JSON.stringify({ ...rest, manifests: left }))
}

describe('the record for which an older index.json accounts', () => {
  it('may be in an archive; when that is gone, no reference is taken for removed', async () => {
    await withParts(async ({ log, file, record, loseArchives }) => {
      await record(referenceSet('keep'), referenceSet('one'), referenceSet('two'))
      const older = file.bytes
      await record(referenceSet('acknowledged'))
      await log.compact(0)
      file.bytes = without('one', older)
      assert.deepEqual(await record(), ['acknowledged', 'keep', 'two'])
      await loseArchives()
      file.bytes = without('two', without('one', older))
      assert.deepEqual(await record(), ['acknowledged', 'keep', 'two'])
    })
  })

  it('is the first that is read, where both sides changed different names', async () => {
    await withParts(async ({ log, file, record, loseArchives }) => {
      await record(referenceSet('keep'), referenceSet('one'))
      await log.compact(0)
      await loseArchives()
      await record(referenceSet('more'))
      const older = file.bytes
      await record(referenceSet('acknowledged'))
      file.bytes = without('one', older)
      assert.deepEqual(await record(), ['acknowledged', 'keep', 'more'])
    })
  })
})
