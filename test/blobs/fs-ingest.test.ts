import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { contiguousPrefix } from '../../src/blobs/checkpoint.js'
import { FsIngest } from '../../src/blobs/fs-ingest.js'
import { FLAT_BYTES } from '../../src/blobs/fs-ingest-data.js'
import { isHearthError } from '../../src/errors.js'
import { aBlob } from '../support/a-blob.js'
import { aPipe } from '../support/a-pipe.js'
import { forked, kill } from '../support/forked.js'
import { tempDir } from '../support/temp-dir.js'

// One for the file: a hook's own folder would be gone when the hook ends.
const scratch = await tempDir()
const newFolder = () => mkdtemp(join(scratch, 'test-'))

/** Large enough for a state beside its bytes. */
const SIZE = 2 * FLAT_BYTES
const blob = await aBlob('the bytes of a layer, ', SIZE)
const one = { digest: blob.digest, size: SIZE, boot: 'one' }
const two = { ...one, boot: 'two' }
const HALF = SIZE / 2

describe('FsIngest', () => {
  let folder: string
  beforeEach(async () => {
    folder = join(await newFolder(), 'ingest')
  })
  const dataPath = () => join(folder, 'data')
  const part = (from: number, to: number) => blob.bytes.subarray(from, to)

  async function halfWritten(): Promise<void> {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, HALF))
    await ingest.close()
  }

  it('begins with nothing', async () => {
    const ingest = FsIngest.open(folder, one)
    assert.deepEqual(ingest.trusted, [])
    await ingest.close()
  })

  it('goes on where a closed one stopped, and gives back what it wrote', async () => {
    await halfWritten()
    const ingest = FsIngest.open(folder, one)
    assert.deepEqual(ingest.trusted, [[0, HALF]])
    const buffer = Buffer.alloc(SIZE)
    assert.equal(ingest.read(100, buffer), HALF - 100)
    assert.deepEqual(buffer.subarray(0, HALF - 100), Buffer.from(part(100, HALF)))
    await ingest.close()
  })

  it('needs no checkpoint for a single stream: the length of its file is one', () => {
    FsIngest.open(folder, one).write(0, part(0, HALF))
    assert.deepEqual(FsIngest.open(folder, one).trusted, [[0, HALF]])
  })

  it('trusts nothing that was not flushed after a reboot', async () => {
    await halfWritten()
    assert.deepEqual(FsIngest.open(folder, two).trusted, [])
  })

  it('trusts what was flushed after a reboot, and not a byte more', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, 1000))
    await ingest.flush()
    ingest.write(1000, part(1000, HALF))
    await ingest.close()
    assert.deepEqual(FsIngest.open(folder, two).trusted, [[0, 1000]])
    // The tail that nobody vouches for must not come back as the length of an append-only file.
    assert.deepEqual(FsIngest.open(folder, two).trusted, [[0, 1000]])
  })

  it('does not call bytes flushed that were written while the flush ran', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, 1000))
    const flushed = ingest.flush()
    ingest.write(1000, part(1000, HALF))
    await flushed
    await ingest.close()
    assert.deepEqual(FsIngest.open(folder, two).trusted, [[0, 1000]])
  })

  it('flushes once at a time', async () => {
    const ingest = FsIngest.open(folder, one)
    const flushed = ingest.flush()
    await assert.rejects(ingest.flush(), TypeError)
    await flushed
    await ingest.close()
  })

  it('with a hole claims only what was recorded, not what the length suggests', () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, 1000))
    ingest.checkpoint()
    ingest.write(HALF, part(HALF, SIZE))
    assert.deepEqual(FsIngest.open(folder, one).trusted, [[0, 1000]])
  })

  it('remembers extents with holes between them', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(HALF, part(HALF, SIZE))
    ingest.write(0, part(0, 1000))
    ingest.checkpoint()
    ingest.write(1000, part(1000, 2000))
    assert.deepEqual(FsIngest.open(folder, one).trusted, [
      [0, 1000],
      [HALF, SIZE],
    ])
  })

  it('survives a reboot with holes', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(HALF, part(HALF, SIZE))
    await ingest.flush()
    ingest.write(0, part(0, 1000))
    await ingest.close()
    assert.deepEqual(FsIngest.open(folder, two).trusted, [[HALF, SIZE]])
  })

  it('does not trust extents beyond the end of a file that became shorter', async () => {
    await halfWritten()
    truncateSync(dataPath(), 10)
    assert.deepEqual(FsIngest.open(folder, one).trusted, [[0, 10]])
  })

  it('starts over when it has more bytes than the blob', async () => {
    await halfWritten()
    writeFileSync(dataPath(), Buffer.alloc(SIZE + 1))
    assert.deepEqual(FsIngest.open(folder, one).trusted, [])
    assert.equal(statSync(dataPath()).size, 0)
  })

  for (const [what, text] of [
    ['garbage', 'not json'],
    ['empty', ''],
    ['zeroed', '\0'.repeat(200)],
  ] as const) {
    it(`starts over when its state is ${what}`, async () => {
      await halfWritten()
      writeFileSync(join(folder, 'state.json'), text)
      assert.deepEqual(FsIngest.open(folder, one).trusted, [])
      assert.equal(statSync(dataPath()).size, 0)
    })
  }

  it('starts over when its state is missing', async () => {
    await halfWritten()
    rmSync(join(folder, 'state.json'))
    assert.deepEqual(FsIngest.open(folder, one).trusted, [])
  })

  it('starts over when what it finds is of another blob', async () => {
    await halfWritten()
    const foreign = await aBlob('another layer, ', SIZE)
    assert.deepEqual(FsIngest.open(folder, { ...one, digest: foreign.digest }).trusted, [])
  })

  it('still trusts what was flushed when the later state is lost', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, 1000))
    await ingest.flush()
    await ingest.close()
    writeFileSync(join(folder, 'state.json'), '')
    assert.deepEqual(FsIngest.open(folder, two).trusted, [[0, 1000]])
  })

  it('replaces a link in the place of its data, and leaves the target alone', async () => {
    await halfWritten()
    const secret = join(folder, '..', 'secret')
    writeFileSync(secret, 'do not touch')
    rmSync(dataPath())
    symlinkSync(secret, dataPath())
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, HALF))
    assert.equal(readFileSync(secret, 'utf8'), 'do not touch')
  })

  it('replaces data that has a second name, and leaves the other name alone', async () => {
    await halfWritten()
    const elsewhere = join(folder, '..', 'elsewhere')
    linkSync(dataPath(), elsewhere)
    const ingest = FsIngest.open(folder, one)
    assert.deepEqual(ingest.trusted, [])
    ingest.write(0, Buffer.alloc(HALF))
    assert.deepEqual(readFileSync(elsewhere), Buffer.from(part(0, HALF)))
  })

  it('replaces a folder or a pipe in the place of its data', async () => {
    for (const plant of [() => mkdirSync(join(dataPath(), 'deep'), { recursive: true }), () => aPipe(dataPath())]) {
      await halfWritten()
      rmSync(dataPath(), { recursive: true })
      plant()
      const ingest = FsIngest.open(folder, one)
      assert.deepEqual(ingest.trusted, [])
      ingest.write(0, blob.bytes)
      await ingest.seal('relaxed')
      rmSync(folder, { recursive: true })
    }
  })

  it('can be begun again from zero, in this boot and after the next', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, HALF))
    await ingest.flush()
    ingest.restart()
    assert.deepEqual(ingest.trusted, [])
    assert.equal(statSync(dataPath()).size, 0)
    ingest.write(0, part(0, 10))
    assert.deepEqual(FsIngest.open(folder, one).trusted, [[0, 10]])
    assert.deepEqual(FsIngest.open(folder, two).trusted, [])
  })

  it('has no room for more bytes than the blob', async () => {
    const ingest = FsIngest.open(folder, one)
    assert.throws(() => ingest.write(SIZE - 1, part(0, 2)), TypeError)
    assert.deepEqual(ingest.trusted, [])
    await ingest.close()
  })

  for (const durability of ['full', 'relaxed'] as const) {
    it(`is whole and read-only once sealed (${durability})`, async () => {
      const ingest = FsIngest.open(folder, one)
      ingest.write(HALF, part(HALF, SIZE))
      ingest.write(0, part(0, HALF))
      await ingest.seal(durability)
      assert.deepEqual(readFileSync(dataPath()), Buffer.from(blob.bytes))
      assert.equal(statSync(dataPath()).mode & 0o777, 0o444)
    })
  }

  it('is still whole when its process died between seal and commit', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(HALF, part(HALF, SIZE))
    ingest.write(0, part(0, HALF))
    await ingest.seal('full')
    const again = FsIngest.open(folder, one)
    assert.deepEqual(again.trusted, [[0, SIZE]])
    await again.seal('full')
  })

  it('cannot be sealed with bytes missing, and goes on', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(HALF, part(HALF, SIZE))
    await assert.rejects(ingest.seal('full'), (error) => isHearthError(error, 'SIZE_MISMATCH'))
    ingest.write(0, part(0, HALF))
    await ingest.seal('full')
  })

  it('replaces a file or a link in its place', async () => {
    for (const plant of [() => writeFileSync(folder, ''), () => symlinkSync(scratch, folder)]) {
      plant()
      await FsIngest.open(folder, one).close()
      assert.deepEqual(readdirSync(folder), ['data', 'state.json'])
      rmSync(folder, { recursive: true })
    }
  })

  it('of no bytes can be sealed', async () => {
    const { digest, size } = await aBlob('')
    await FsIngest.open(folder, { digest, size, boot: 'one' }).seal('full')
    assert.equal(statSync(folder).size, 0)
  })

  it('refuses everything but another close after it was closed', async () => {
    const ingest = FsIngest.open(folder, one)
    await ingest.close()
    await ingest.close()
    const closed = (error: unknown) => isHearthError(error, 'STORE_FAILED')
    assert.throws(() => ingest.write(0, part(0, 1)), closed)
    assert.throws(() => ingest.read(0, Buffer.alloc(1)), closed)
    await assert.rejects(ingest.flush(), closed)
    await assert.rejects(ingest.seal('full'), closed)
    assert.ok(existsSync(dataPath()), 'what was there is kept')
  })

  it('waits for a flush under way before it closes', async () => {
    const ingest = FsIngest.open(folder, one)
    ingest.write(0, part(0, HALF))
    const flushed = ingest.flush()
    await ingest.close()
    await flushed
    assert.deepEqual(FsIngest.open(folder, two).trusted, [[0, HALF]])
  })

  for (const step of ['flush', 'seal'] as const) {
    it(`is removed when the disk fails its ${step}: nobody knows what is on it`, async () => {
      const ingest = FsIngest.open(folder, one)
      ingest.write(0, blob.bytes)
      closeSync(descriptorOf(dataPath()))
      const failed = step === 'flush' ? ingest.flush() : ingest.seal('full')
      await assert.rejects(failed, (error) => isHearthError(error, 'STORE_FAILED'))
      assert.equal(existsSync(folder), false)
    })
  }

  describe('of a small blob', () => {
    const small = { ...one, size: FLAT_BYTES }

    it('is one file with its bytes from the beginning to the end', async () => {
      const ingest = FsIngest.open(folder, small)
      ingest.write(0, part(0, small.size))
      assert.deepEqual(readFileSync(folder), Buffer.from(part(0, small.size)))
      await ingest.seal('full')
      assert.deepEqual(readFileSync(folder), Buffer.from(part(0, small.size)))
      assert.deepEqual(readdirSync(dirname(folder)), ['ingest'])
    })

    it('is begun again after a crash, whatever the crash left', async () => {
      const leave: readonly (() => unknown)[] = [
        () => FsIngest.open(folder, small).write(0, part(0, 1000)),
        async () => await FsIngest.open(folder, { ...small, size: SIZE }).close(),
        () => symlinkSync(scratch, folder),
        () => mkdirSync(folder),
      ]
      for (const left of leave) {
        await left()
        assert.deepEqual(FsIngest.open(folder, small).trusted, [])
        assert.equal(statSync(folder).size, 0)
        rmSync(folder)
      }
    })

    it('goes when it is closed half-way: it is fetched again', async () => {
      const ingest = FsIngest.open(folder, small)
      ingest.write(0, part(0, 1000))
      await ingest.close()
      assert.equal(existsSync(folder), false)
    })

    it('is flushed without a state', async () => {
      const ingest = FsIngest.open(folder, small)
      ingest.write(2000, part(2000, 3000))
      await ingest.flush()
      assert.deepEqual(readdirSync(dirname(folder)), ['ingest'])
      await ingest.close()
    })

    it('can be begun again from zero', async () => {
      const ingest = FsIngest.open(folder, small)
      ingest.write(0, part(0, 1000))
      ingest.restart()
      ingest.write(0, part(0, small.size))
      await ingest.seal('relaxed')
      assert.deepEqual(readFileSync(folder), Buffer.from(part(0, small.size)))
    })
  })

  for (const umask of [0o000, 0o077]) {
    it(`keeps unverified bytes private under umask ${umask.toString(8).padStart(3, '0')}`, async () => {
      const before = process.umask(umask)
      try {
        const ingest = FsIngest.open(folder, one)
        ingest.write(0, blob.bytes)
        await ingest.flush()
        const modes = readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mode & 0o777])
        assert.deepEqual(Object.fromEntries(modes), { data: 0o600, 'state.json': 0o600, 'state.synced.json': 0o600 })
        assert.equal(statSync(folder).mode & 0o777, 0o700)
        await ingest.seal('full')
        assert.equal(statSync(dataPath()).mode & 0o777, 0o444)
      } finally {
        process.umask(before)
      }
    })
  }

  for (const order of ['forward', 'backward']) {
    it(`holds what it claims after a kill (writing ${order})`, async () => {
      const size = 512 * 1024 * 1024
      const child = await forked('ingest-process.js', [folder, blob.digest, String(size), order])
      await kill(child)
      const ingest = FsIngest.open(folder, { digest: blob.digest, size, boot: 'one' })
      assert.ok(ingest.trusted.length === 1, 'something survived')
      for (const [from, to] of ingest.trusted) {
        const buffer = Buffer.alloc(to - from)
        assert.equal(ingest.read(from, buffer), to - from)
        const wrong = buffer.findIndex((byte, at) => byte !== (from + at) % 251)
        assert.equal(wrong, -1)
      }
      if (order === 'forward') assert.ok(contiguousPrefix(ingest.trusted) >= 33 * 4096)
      await ingest.close()
    })
  }
})

/** This process's descriptor of a file: closing it makes the next call on it fail as a broken disk would. */
function descriptorOf(path: string): number {
  const all = readdirSync('/proc/self/fd')
  const found = all.find((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd)) === path
    } catch (error) {
      // The descriptor that listed the folder is gone by now.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  })
  return Number(found)
}
