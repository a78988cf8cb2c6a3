import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import type { Head, HearthEvent, Recorded } from '../../src/log/events.js'
import { MemoryEventLog } from '../../src/log/memory-event-log.js'
import { parseIndex, renderIndex } from '../../src/materialise/image-index.js'
import { materialise } from '../../src/materialise/materialise.js'
import { MemoryIndexFile } from '../../src/materialise/memory-index-file.js'
import { LOG_POSITION, PLATFORMS, REF_NAME } from '../../src/oci/image-layout.js'
import { aDescriptorOf, aDigest, readAll, referenceRemoved, referenceSet } from '../support/a-log.js'

describe('materialising', () => {
  it('brings index.json to the state of the log', async () => {
    const cache = new Cache()
    const head = await cache.record(referenceSet('app:1'), referenceSet('app:2'), referenceRemoved('app:1'))
    assert.equal(head.position, 3)
    assert.deepEqual(cache.names(), ['app:2'])
    assert.deepEqual(cache.file.bytes, renderIndex(cache.log.state.references, head))
  })

  it('writes an empty index for an empty log', async () => {
    const cache = new Cache()
    await cache.record()
    assert.deepEqual(cache.names(), [])
  })

  it('does nothing the second time', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'))
    const { bytes } = cache.file
    await cache.record()
    assert.equal(cache.file.bytes, bytes)
    assert.equal((await cache.history()).length, 1)
  })

  it('writes again what was lost, and takes no reference for removed', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'))
    cache.file.bytes = undefined
    await cache.record()
    assert.deepEqual(cache.names(), ['app:1'])
    assert.equal((await cache.history()).length, 1)
  })
})

describe("materialising over another tool's index.json", () => {
  it('adopts all of it the first time', async () => {
    const cache = new Cache()
    cache.write([named('theirs:1', 'a'), aDescriptorOf('b')])
    await cache.record(referenceSet('ours:1'))
    assert.deepEqual(cache.names(), ['ours:1', 'theirs:1', `@${aDigest('b')}`])
    assert.deepEqual(
      (await cache.history()).map(({ type }) => type),
      ['ReferenceSet', 'ReferenceSet', 'ReferenceSet'],
    )
    assert.equal(cache.log.state.references.get('theirs:1')?.origin, 'adopted')
  })

  it('adopts what was added, moved and removed since', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('keep'), referenceSet('move'), referenceSet('remove'))
    cache.edit((manifests) => [
      ...manifests.filter((entry) => nameOf(entry) === 'keep'),
      named('move', 'moved'),
      named('add', 'added'),
    ])
    await cache.record()
    assert.deepEqual(cache.names(), ['add', 'keep', 'move'])
    assert.equal(cache.log.state.references.get('move')?.descriptor.digest, aDigest('moved'))
    assert.equal((await cache.history()).length, 6)
  })

  it('needs no event when a tool wrote the same again in its own way', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'), referenceSet('app:2'))
    const { bytes } = cache.file
    cache.edit((manifests) =>
      [...manifests].reverse().map(({ annotations, ...entry }) => ({
        annotations: Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => key !== PLATFORMS)),
        ...entry,
      })),
    )
    await cache.record()
    assert.deepEqual(cache.file.bytes, bytes)
    assert.equal((await cache.history()).length, 2)
  })

  it('adopts an edit by a tool that keeps our annotations', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'))
    await cache.record(referenceSet('app:2'))
    cache.edit((manifests) => [...manifests, named('theirs:1', 'a')])
    assert.equal(parseIndex(cache.file.bytes ?? assert.fail()).head?.position, 2)
    await cache.record(referenceSet('app:3'))
    assert.deepEqual(cache.names(), ['app:1', 'app:2', 'app:3', 'theirs:1'])
  })

  it('does not trust platforms that stand beside another digest', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'))
    cache.edit((manifests) => manifests.map((entry) => ({ ...entry, ...aDescriptorOf('moved') })))
    await cache.record()
    assert.deepEqual(cache.log.state.references.get('app:1')?.platforms, [])
    assert.equal(cache.log.state.references.get('app:1')?.size, undefined)
  })

  it('keeps what we record at the same time', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'), referenceSet('app:2'))
    cache.edit((manifests) => manifests.filter((entry) => nameOf(entry) !== 'app:1'))
    await cache.record(referenceSet('app:1', { descriptor: aDescriptorOf('newer') }), referenceSet('app:3'))
    assert.deepEqual(cache.names(), ['app:1', 'app:2', 'app:3'])
  })

  it('refuses what it does not understand, and overwrites nothing', async () => {
    for (const text of ['{"manifests":', '{"manifests":[{"digest":"sha256:x"}]}', '']) {
      const cache = new Cache()
      await cache.record(referenceSet('app:1'))
      const bytes = new TextEncoder().encode(text)
      cache.file.bytes = bytes
      await assert.rejects(cache.record(referenceSet('app:2')), (error) => isHearthError(error, 'LAYOUT_INVALID'))
      assert.equal(cache.file.bytes, bytes)
    }
  })
})

describe('materialising over what a tool made of an older index.json', () => {
  /** A cache in which all has changed since the tool read index.json; the log has another record for each of these changes. */
  async function changedMeanwhile(): Promise<Cache> {
    const cache = new Cache()
    await cache.record(referenceSet('keep'), referenceSet('moved'), referenceSet('removed'), referenceSet('theirs'))
    const older = cache.file.bytes
    await cache.record(
      referenceSet('moved', { descriptor: NEWER }),
      referenceRemoved('removed'),
      referenceSet('acknowledged'),
    )
    cache.file.bytes = older
    return cache
  }
  const NEWER = aDescriptorOf('newer')
  const digestOf = (cache: Cache, name: string) => cache.log.state.references.get(name)?.descriptor.digest

  it('takes over what the tool changed, and nothing that only changed since', async () => {
    const cache = await changedMeanwhile()
    cache.edit((manifests) => [...manifests.filter((entry) => nameOf(entry) !== 'theirs'), named('add', 'added')])
    await cache.record()
    assert.deepEqual(cache.names(), ['acknowledged', 'add', 'keep', 'moved'])
    assert.equal(digestOf(cache, 'moved'), NEWER.digest)
    assert.equal((await cache.history()).length, 9)
  })

  it('takes an older one that was put back for no edit at all', async () => {
    const cache = await changedMeanwhile()
    await cache.record(referenceSet('new'))
    assert.deepEqual(cache.names(), ['acknowledged', 'keep', 'moved', 'new', 'theirs'])
    assert.equal(digestOf(cache, 'moved'), NEWER.digest)
    assert.equal((await cache.history()).length, 8)
  })

  it('does so though the tool began with an empty cache', async () => {
    const cache = new Cache()
    await cache.record()
    const older = cache.file.bytes
    await cache.record(referenceSet('acknowledged'))
    cache.file.bytes = older
    cache.edit(() => [named('add', 'added')])
    await cache.record()
    assert.deepEqual(cache.names(), ['acknowledged', 'add'])
  })

  it('takes no reference for removed when the log does not have the record for which it accounts', async () => {
    const cache = await changedMeanwhile()
    cache.edit((manifests) => [...manifests.filter((entry) => nameOf(entry) === 'keep'), named('add', 'added')])
    const text = new TextDecoder().decode(cache.file.bytes)
    cache.file.bytes = new TextEncoder().encode(text.replace(/(log.head": ?")../, '$1zz'))
    await cache.record(referenceSet('keep', { descriptor: NEWER }))
    assert.deepEqual(cache.names(), ['acknowledged', 'add', 'keep', 'moved', 'theirs'])
    assert.equal(digestOf(cache, 'keep'), NEWER.digest)
  })
})

describe('materialising over a base that is damaged or lost', () => {
  const damages: Readonly<Record<string, (base: string) => string | undefined>> = {
    'is lost': () => undefined,
    'is empty': () => '',
    'is torn': (base) => base.slice(0, 100),
    'is no JSON any more': (base) => base.replace(',"annotations"', ',"annotations'),
    'has no annotations any more': (base) =>
      base.replace('"annotations":{"dev.hearth.log', '"annotations":{"dfv.hearth.log'),
    'has another position': (base) => base.replace(/(log.position":")\d/, '$19'),
    'has another checksum': (base) => base.replace(/(log.head":")../, '$1zz'),
  }
  for (const [name, damage] of Object.entries(damages)) {
    it(`makes one that ${name} anew, and changes nothing else`, async () => {
      const cache = new Cache()
      await cache.record(referenceSet('app:1'), referenceSet('app:2'))
      const { bytes } = cache.file
      cache.damageBase(damage)
      await cache.record()
      assert.deepEqual([cache.file.bytes, cache.file.base], [bytes, bytes])
      assert.equal((await cache.history()).length, 2)
    })

    it(`adopts what was added, moved and removed since, though the base ${name}`, async () => {
      const cache = new Cache()
      await cache.record(referenceSet('keep'), referenceSet('move'), referenceSet('remove'))
      cache.edit(() => [named('keep', 'keep'), named('move', 'moved'), named('add', 'added')])
      cache.damageBase(damage)
      await cache.record()
      assert.deepEqual(cache.names(), ['add', 'keep', 'move'])
      assert.equal(cache.log.state.references.get('move')?.descriptor.digest, aDigest('moved'))
    })
  }

  for (const name of ['is lost', 'is torn', 'is no JSON any more']) {
    it(`loses nothing that was recorded since index.json was written, though the base ${name}`, async () => {
      const cache = new Cache()
      await cache.record(referenceSet('moved'), referenceSet('removed'), referenceSet('theirs'))
      cache.edit((manifests) => manifests.filter((entry) => nameOf(entry) !== 'theirs'))
      cache.damageBase(damages[name] ?? assert.fail())
      const newer = aDescriptorOf('newer')
      await cache.record(referenceSet('moved', { descriptor: newer }), referenceRemoved('removed'), referenceSet('new'))
      assert.deepEqual(cache.names(), ['moved', 'new'])
      assert.equal(cache.log.state.references.get('moved')?.descriptor.digest, newer.digest)
    })
  }

  it('takes no reference for removed when nobody knows for which record index.json accounted', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'), referenceSet('app:2'))
    cache.edit((manifests) => [...manifests.filter((entry) => nameOf(entry) !== 'app:1'), named('add', 'added')], false)
    cache.damageBase(() => '')
    await cache.record()
    assert.deepEqual(cache.names(), ['add', 'app:1', 'app:2'])
  })

  it('still notices an index.json ahead of the log', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'), referenceSet('app:2'))
    cache.damageBase(() => '')
    await assert.rejects(new Cache(cache.file).record(), (error) => isHearthError(error, 'LOG_CORRUPT'))
  })
})

describe('index.json ahead of the log', () => {
  it('means that acknowledged events were lost', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'), referenceSet('app:2'))
    const older = new Cache(cache.file)
    await assert.rejects(older.record(referenceSet('app:1')), (error) => isHearthError(error, 'LOG_CORRUPT'))
    assert.deepEqual(cache.names(), ['app:1', 'app:2'])
  })

  it('is noticed although another tool edited it, and dropped our annotations', async () => {
    for (const keep of [true, false]) {
      const cache = new Cache()
      await cache.record(referenceSet('app:1'), referenceSet('app:2'))
      cache.edit((manifests) => [...manifests, named('theirs:1', 'a')], keep)
      const older = new Cache(cache.file)
      await assert.rejects(older.record(), (error) => isHearthError(error, 'LOG_CORRUPT'))
    }
  })

  it('is noticed when the log has another record at its position', async () => {
    const cache = new Cache()
    await cache.record(referenceSet('app:1'))
    await assert.rejects(new Cache(cache.file).record(referenceSet('app:2')), (error) =>
      isHearthError(error, 'LOG_CORRUPT'),
    )
  })

  it('is just a foreign one when we never wrote it', async () => {
    const elsewhere = new Cache()
    await elsewhere.record(referenceSet('app:1'), referenceSet('app:2'))
    const cache = new Cache()
    cache.file.bytes = elsewhere.file.bytes
    await cache.record()
    assert.deepEqual(cache.names(), ['app:1', 'app:2'])
    assert.deepEqual(cache.log.state.references.get('app:1')?.platforms, [])
  })
})

interface Manifest {
  readonly annotations?: Readonly<Record<string, string>>
  readonly digest: string
}

/** A log and its index.json, in memory. */
class Cache {
  readonly log = new MemoryEventLog()

  constructor(readonly file = new MemoryIndexFile()) {}

  /** Appends and materialises in one hold. */
  async record(...events: readonly HearthEvent[]): Promise<Head> {
    return this.log.hold(async (held) => {
      await held.append(events)
      return materialise(held, this.file)
    })
  }

  async history(): Promise<readonly Recorded[]> {
    return readAll(this.log.read(0))
  }

  names(): readonly string[] {
    return parseIndex(this.file.bytes ?? assert.fail()).entries.map(({ reference }) => reference)
  }

  damageBase(damage: (base: string) => string | undefined): void {
    const before = new TextDecoder().decode(this.file.base)
    const after = damage(before)
    assert.notEqual(after, before)
    this.file.base = after === undefined ? undefined : new TextEncoder().encode(after)
  }

  /** As a tool that knows nothing of us. */
  write(manifests: readonly Manifest[]): void {
    this.file.bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests }))
  }

  /** As a tool that reads, changes and writes; with or without the annotations it does not know. */
  edit(change: (manifests: readonly Manifest[]) => readonly Manifest[], keepAnnotations = true): void {
    const { annotations, ...index } = JSON.parse(new TextDecoder().decode(this.file.bytes)) as {
      manifests: Manifest[]
      annotations: Record<string, string>
    }
    assert.ok(annotations[LOG_POSITION])
    const edited = { ...index, manifests: change(index.manifests), ...(keepAnnotations && { annotations }) }
    this.file.bytes = new TextEncoder().encode(JSON.stringify(edited, undefined, 3))
  }
}

function named(name: string, content: string): Manifest {
  return { ...aDescriptorOf(content), annotations: { [REF_NAME]: name } }
}

function nameOf({ annotations }: Manifest): string | undefined {
  return annotations?.[REF_NAME]
}
