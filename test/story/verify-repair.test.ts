/** Damage of every kind to a whole cache, and what verify makes of it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import {
  type Cache,
  isHearthError,
  openCache,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyReport,
} from '../../src/index.js'
import type { Digest } from '../../src/oci/digest.js'
import {
  BLOBS_FOLDER,
  blobPath,
  FORMAT_FILE,
  HEARTH_FOLDER,
  INDEX_FILE,
  LOG_FOLDER,
  MATERIALISED_FILE,
  OCI_LAYOUT_FILE,
  QUARANTINE_FOLDER,
  REF_NAME,
} from '../../src/oci/image-layout.js'
import { readAll } from '../support/a-log.js'
import { anImage, type BuiltImage } from '../support/an-image.js'
import { soundBlobs } from '../support/cache-folder.js'
import { hearth } from '../support/hearth.js'
import type { Answer } from '../support/raw-answer.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { fail } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'

const LINUX = { platforms: ['linux/amd64'] }

describe('hearth verify --repair', () => {
  let registry: RawRegistry
  let images: readonly BuiltImage[]
  let names: readonly string[]
  let pulled: string
  let cache: string
  /** Requests before this test. */
  let asked: number

  before(async () => {
    registry = await startRawRegistry()
    const layers = [{ seed: 'base', bytes: 5000 }, { bytes: 3000 }]
    images = await Promise.all(
      ['a', 'b'].map((seed) => anImage({ seed, platforms: ['linux/amd64', 'linux/arm64'], layers })),
    )
    names = images.map((image, at) => registry.add(image, `library/${at}`, '1.0'))
    pulled = await tempDir()
    await withCache((opened) => opened.pull(names, LINUX), pulled)
  })
  after(() => registry.close())
  beforeEach(async () => {
    cache = await tempDir()
    await cp(pulled, cache, { recursive: true, preserveTimestamps: true })
    asked = registry.requests.length
  })

  const withCache = async <T>(work: (opened: Cache) => Promise<T>, path = cache): Promise<T> => {
    const opened = await openCache({ path, lockTimeoutMs: 5000, retry: { retries: 0 } })
    try {
      return await work(opened)
    } finally {
      await opened.close()
    }
  }
  const verify = (options: VerifyOptions = {}) => withCache((opened) => opened.verify(options))
  const repair = () => verify({ repair: true })
  const amd64 = (at = 0) => images[at]?.platforms.get('linux/amd64') ?? assert.fail()
  const base = () => amd64().layers[0]?.digest ?? assert.fail()
  const own = () => amd64().layers[1]?.digest ?? assert.fail()
  const pathOf = (digest: Digest) => join(cache, blobPath(digest))
  const corrupt = async (digest: Digest) => {
    const bytes = await readFile(pathOf(digest))
    await chmod(pathOf(digest), 0o644)
    await writeFile(pathOf(digest), bytes.fill(1, 0, 1))
  }
  const briefly = ({ problems }: VerifyReport) =>
    problems.map(
      ({ kind, repair }) => `${kind} ${repair === undefined ? '-' : repair.done ? 'done' : repair.failure.code}`,
    )
  const requested = (kind: 'blob' | 'manifest') =>
    registry.requests
      .slice(asked)
      .flatMap((request) => (request.kind === kind && request.digest ? [request.digest] : []))
  const assertWhole = async () => {
    assert.deepEqual((await verify()).problems, [])
    await soundBlobs(cache)
  }

  it('fetches a damaged layer again, and nothing else', async () => {
    await corrupt(base())
    const seen: VerifyProgress[] = []
    const report = await verify({ repair: true, onProgress: (event) => seen.push(event) })
    assert.deepEqual(briefly(report), ['blob done', 'reference done', 'reference done'])
    assert.deepEqual([requested('blob'), requested('manifest')], [[base()], []])
    const bytes = amd64().layers[0]?.size ?? assert.fail()
    const fetched = seen.filter(({ type }) => type === 'repair-progress')
    assert.deepEqual(fetched.at(-1), { type: 'repair-progress', blobs: 1, totalBlobs: 1, bytes, totalBytes: bytes })
    await assertWhole()
    assert.deepEqual((await readdir(join(cache, QUARANTINE_FOLDER))).length, 1)
  })

  it('fetches what is missing, truncated, or replaced by a folder', async () => {
    const damages = [
      rm,
      (path: string) => chmod(path, 0o600).then(() => truncate(path, 7)),
      async (path: string) => {
        await rm(path)
        await mkdir(path)
      },
    ]
    for (const damage of damages) {
      await damage(pathOf(own()))
      const report = await repair()
      assert.ok(
        report.problems.length > 0 && report.problems.every(({ repair }) => repair?.done),
        JSON.stringify(report),
      )
      await assertWhole()
    }
  })

  it('fetches manifests and configs, and what turns out to be missing below them', async () => {
    const { manifest, config } = amd64()
    await corrupt(manifest.digest)
    await rm(pathOf(config.digest))
    await rm(pathOf(own()))
    const report = await repair()
    assert.ok(
      report.problems.every(({ repair }) => repair?.done),
      JSON.stringify(report.problems),
    )
    assert.deepEqual(requested('manifest'), [manifest.digest])
    assert.deepEqual(new Set(requested('blob')), new Set([config.digest, own()]))
    await assertWhole()
  })

  it('takes a shared blob from another image’s repository when the first one has lost it', async () => {
    await corrupt(base())
    registry.script({ kind: 'blob', digest: base(), path: /library\/0/ }, fail(404, 'BLOB_UNKNOWN'))
    const report = await repair()
    assert.ok(
      report.problems.every(({ repair }) => repair?.done),
      JSON.stringify(report.problems),
    )
    assert.deepEqual(requested('blob'), [base(), base()])
  })

  it('says why what it could not have is still missing, and keeps the reference', async () => {
    await withCache((opened) => opened.remove([names[1] ?? '']))
    const offline = await startRawRegistry()
    const lost = offline.add(await anImage({ seed: 'lost' }), 'library/lost', '1.0')
    await withCache((opened) => opened.pull([lost], LINUX))
    await offline.close()
    const [layer] = (await anImage({ seed: 'lost' })).platforms.get('linux/amd64')?.layers ?? []
    await corrupt(layer?.digest ?? assert.fail())
    const report = await repair()
    assert.deepEqual(briefly(report), ['blob CONNECTION_FAILED', 'reference CONNECTION_FAILED'])
    assert.ok((await withCache((opened) => opened.list())).some(({ reference }) => reference === lost))
    assert.deepEqual(briefly(await verify()), ['reference -'])
  })

  it('calls no blob unneeded while a manifest is missing', async () => {
    const offline = await startRawRegistry()
    const image = await anImage({ seed: 'lost' })
    const lost = offline.add(image, 'library/lost', '1.0')
    await withCache((opened) => opened.pull([lost], LINUX))
    await offline.close()
    const { manifest, layers } = image.platforms.get('linux/amd64') ?? assert.fail()
    for (const { digest } of [manifest, ...layers]) await corrupt(digest)
    const report = await repair()
    assert.deepEqual(briefly(report).toSorted(), [
      'blob BLOB_UNKNOWN',
      'blob CONNECTION_FAILED',
      'reference CONNECTION_FAILED',
    ])
  })

  it('leaves what an image may need whose manifest could not be fetched, to rm and gc too', async () => {
    const offline = await startRawRegistry()
    const image = await anImage({ seed: 'lost' })
    const lost = offline.add(image, 'library/lost', '1.0')
    await withCache((opened) => opened.pull([lost], LINUX))
    await offline.close()
    const { manifest, config, layers } = image.platforms.get('linux/amd64') ?? assert.fail()
    await corrupt(manifest.digest)
    await repair()
    const removed = await withCache((opened) => opened.remove(names))
    const reclaimed = await withCache((opened) => opened.reclaim())
    for (const { blobsKept } of [removed, reclaimed]) {
      assert.deepEqual(blobsKept?.details, { reference: lost, digest: manifest.digest })
    }
    await Promise.all([config, ...layers].map(({ digest }) => stat(pathOf(digest))))
  })

  it('fetches what goes missing meanwhile, and says so of what goes missing again', async () => {
    const { manifest } = amd64()
    const losing = (digest: Digest) => async (answer: Answer) => {
      await rm(pathOf(digest))
      return answer
    }
    await corrupt(manifest.digest)
    registry.script({ kind: 'manifest', digest: manifest.digest }, losing(own()))
    assert.deepEqual(briefly(await repair()), ['blob done', 'reference done'])
    assert.deepEqual(requested('blob'), [own()])
    await assertWhole()
    await corrupt(manifest.digest)
    registry.script({ kind: 'manifest', digest: manifest.digest }, losing(own()))
    registry.script({ kind: 'blob', digest: own() }, losing(manifest.digest))
    assert.deepEqual(briefly(await repair()), ['blob BLOB_UNKNOWN', 'reference BLOB_UNKNOWN'])
    assert.deepEqual(requested('manifest'), [manifest.digest, manifest.digest])
  })

  it('takes a damaged blob away that nothing needs, without asking anybody', async () => {
    await withCache((opened) => opened.remove(names.slice(1)))
    const stray = (await anImage({ seed: 'other' })).blobs
    const [[digest] = assert.fail()] = stray
    await writeFile(pathOf(digest), 'rot')
    assert.deepEqual(briefly(await repair()), ['blob done'])
    assert.equal(registry.requests.length, asked)
    await assertWhole()
  })

  it('writes a broken, missing or edited index.json again, and keeps what it replaced', async () => {
    const before = await withCache((opened) => opened.list())
    const path = join(cache, INDEX_FILE)
    const edits = [
      () => writeFile(path, '{"schemaVersion":2,'),
      () => rm(path),
      async () => writeFile(path, (await readFile(path, 'utf8')).replace('"schemaVersion":2', '"schemaVersion": 2')),
      async () => {
        await rm(path)
        await mkdir(path)
      },
    ]
    for (const edit of edits) {
      await edit()
      assert.deepEqual(briefly(await repair()), ['index done'])
      assert.deepEqual(await withCache((opened) => opened.list()), before)
      await assertWhole()
    }
    assert.equal(
      (await readdir(join(cache, QUARANTINE_FOLDER))).filter((name) => name.startsWith(INDEX_FILE)).length,
      2,
    )
  })

  it('takes an index.json over that another tool mended while blobs were hashed', async () => {
    const path = join(cache, INDEX_FILE)
    const right = JSON.parse(await readFile(path, 'utf8'))
    const theirs = { ...images[0]?.root, annotations: { [REF_NAME]: 'theirs:1' } }
    const mended = JSON.stringify({ ...right, manifests: [...right.manifests, theirs] })
    await writeFile(path, '{"schemaVersion":2,')
    let isBroken = true
    const onProgress = () => {
      if (isBroken) writeFileSync(path, mended)
      isBroken = false
    }
    assert.deepEqual(briefly(await verify({ repair: true, onProgress })), ['index done'])
    const listed = await withCache((opened) => opened.list())
    assert.deepEqual(listed.map(({ reference }) => reference).sort(), [...names, 'theirs:1'].sort())
  })

  it('names what it remembers of index.json when that is damaged, and makes it anew', async () => {
    const path = join(cache, MATERIALISED_FILE)
    const right = await readFile(path, 'utf8')
    const damages = [
      () => writeFile(path, right.replace('"annotations"', '"annotations')),
      () => writeFile(path, right.replace('sha256:', 'sha257:')),
      () => writeFile(path, right.replace(/log\.position":"/, '$&9')),
      () => truncate(path, 0),
      async () => {
        await rm(path)
        await mkdir(path)
      },
    ]
    for (const damage of damages) {
      await damage()
      assert.deepEqual(
        (await verify()).problems.map(({ kind, subject }) => [kind, subject]),
        [['index', MATERIALISED_FILE]],
      )
      assert.deepEqual(briefly(await repair()), ['index done'])
      assert.equal(await readFile(path, 'utf8'), right)
      await assertWhole()
    }
  })

  it('writes a lost format.json again, and knows the log meanwhile', async () => {
    const { version } = JSON.parse(await readFile(join(cache, FORMAT_FILE), 'utf8'))
    const { events } = await verify()
    await rm(join(cache, FORMAT_FILE))
    const report = await verify()
    assert.deepEqual(
      report.problems.map(({ kind, subject }) => [kind, subject]),
      [['index', FORMAT_FILE]],
    )
    const history = await withCache((opened) => readAll(opened.history()))
    assert.deepEqual([report.events, history.length], [events, events])
    assert.deepEqual(briefly(await repair()), ['index done'])
    assert.equal(JSON.parse(await readFile(join(cache, FORMAT_FILE), 'utf8')).version, version)
    await assertWhole()
  })

  it('names a damaged format.json, which ends every other command that writes, and makes it anew', async () => {
    const path = join(cache, FORMAT_FILE)
    const right = await readFile(path, 'utf8')
    const { events } = await verify()
    const damages = [
      () => writeFile(path, right.replace('"version"', '"vErsion"')),
      () => writeFile(path, right.slice(0, 9)),
      () => writeFile(path, 'A'.repeat(1 << 17)),
      () => truncate(path, 0),
      async () => {
        await rm(path)
        await mkdir(path)
      },
      async () => {
        await rm(path, { recursive: true })
        await symlink('/dev/null', path)
      },
    ]
    for (const damage of damages) {
      await damage()
      const found = await verify()
      assert.deepEqual([found.problems.map(({ subject }) => subject), found.events >= events], [[FORMAT_FILE], true])
      await assert.rejects(
        withCache((opened) => opened.pull(names, LINUX)),
        (error) => isHearthError(error, 'LAYOUT_INVALID') && error.message.includes('verify --repair'),
      )
      assert.deepEqual(briefly(await repair()), ['index done'])
      assert.equal(JSON.parse(await readFile(path, 'utf8')).version, JSON.parse(right).version)
    }
    await assertWhole()
    const aside = (await readdir(join(cache, QUARANTINE_FOLDER))).filter((name) => name.startsWith('format.json'))
    assert.equal(aside.length, damages.length)
  })

  it('leaves a format.json alone that a newer hearth may have written, also a damaged one', async () => {
    const right = await readFile(join(cache, FORMAT_FILE), 'utf8')
    for (const text of [right.replace(':1,', ':2,'), right.replace(':1,', ':2,').slice(0, -3)]) {
      await writeFile(join(cache, FORMAT_FILE), text)
      for (const options of [{}, { repair: true }, { repair: true, rebuild: true }]) {
        await assert.rejects(verify(options), (error) => isHearthError(error, 'FORMAT_UNSUPPORTED'))
      }
      assert.equal(await readFile(join(cache, FORMAT_FILE), 'utf8'), text)
    }
  })

  it('makes nothing of a damaged format.json while the log is damaged, which alone could tell of what version it was', async () => {
    await truncate(join(cache, FORMAT_FILE), 0)
    await rm(join(cache, LOG_FOLDER, 'CURRENT'))
    assert.deepEqual(briefly(await repair()), ['log LOG_CORRUPT', 'index LOG_CORRUPT'])
    assert.equal(await readFile(join(cache, FORMAT_FILE), 'utf8'), '')
    assert.ok((await verify({ rebuild: true })).problems.every(({ repair }) => repair?.done))
    await assertWhole()
  })

  it('finds the log missing where format.json is lost with it', async () => {
    await rm(join(cache, FORMAT_FILE))
    await rm(join(cache, LOG_FOLDER), { recursive: true })
    assert.deepEqual(briefly(await verify()).slice(0, 1), ['log -'])
    await assert.rejects(
      withCache((opened) => opened.remove(names)),
      (error) => isHearthError(error, 'LOG_CORRUPT'),
    )
    assert.deepEqual(await readdir(join(cache, LOG_FOLDER)), [])
  })

  it('writes oci-layout again', async () => {
    for (const damage of [() => rm(join(cache, OCI_LAYOUT_FILE)), () => writeFile(join(cache, OCI_LAYOUT_FILE), '{')]) {
      await damage()
      assert.deepEqual(briefly(await verify()), ['index -'])
      assert.deepEqual(briefly(await repair()), ['index done'])
      await assertWhole()
    }
  })

  it('takes rights away that others have, and gives the owner back its own', async () => {
    await chmod(join(cache, HEARTH_FOLDER), 0o755)
    await chmod(join(cache, BLOBS_FOLDER), 0o777)
    await chmod(pathOf(own()), 0o666)
    await chmod(pathOf(base()), 0o000)
    const before = briefly(await verify()).filter((line) => line.startsWith('permission'))
    assert.equal(before.length, 4)
    assert.ok((await repair()).problems.every(({ repair }) => repair?.done))
    const modes = await Promise.all(
      [join(cache, HEARTH_FOLDER), join(cache, BLOBS_FOLDER), pathOf(own()), pathOf(base())].map((path) => stat(path)),
    )
    assert.deepEqual(
      modes.map(({ mode }) => (mode & 0o777).toString(8)),
      ['700', '775', '664', '400'],
    )
    await assertWhole()
  })

  it('moves old strays away, and leaves young ones to the tool that may be writing them', async () => {
    const [old, young] = ['old', 'young'].map((name) => `${pathOf(own())}${name}`)
    for (const path of [old, young]) await writeFile(path ?? '', 'left by another tool')
    await utimes(old ?? '', 1, 1)
    assert.deepEqual(briefly(await repair()), ['stray done', 'stray STORE_BUSY'])
    assert.deepEqual(briefly(await verify()), ['stray -'])
  })

  it('repairs nothing but the log while that is damaged, and all of it together with --rebuild', async () => {
    await rm(join(cache, LOG_FOLDER, 'CURRENT'))
    await corrupt(own())
    assert.deepEqual(briefly(await repair()), ['log LOG_CORRUPT', 'blob LOG_CORRUPT', 'reference LOG_CORRUPT'])
    assert.deepEqual(briefly(await verify({ repair: true, rebuild: true })), [
      'log done',
      'blob done',
      'reference done',
    ])
    await assertWhole()
  })

  it('changes nothing in a clean cache', async () => {
    const before = await withCache((opened) => readAll(opened.history()))
    assert.deepEqual((await repair()).problems, [])
    assert.deepEqual(await withCache((opened) => readAll(opened.history())), before)
  })

  it('makes nothing of a cache of another tool that is clean', async () => {
    await rm(join(cache, HEARTH_FOLDER), { recursive: true })
    await repair()
    assert.ok(!(await readdir(cache)).includes(HEARTH_FOLDER))
  })

  describe('as a command', () => {
    const command = (...options: readonly string[]) =>
      hearth(['verify', ...options, '--retries', '0', '--cache', cache])

    it('exits with 10 when all is repaired, and says of each how', async () => {
      await corrupt(own())
      const { exitCode, stdout, stderr } = await command('--repair')
      assert.equal(exitCode, 10)
      assert.match(stdout, /^blob +sha256:\w+ +DIGEST_MISMATCH .* repaired: fetched again$/m)
      assert.match(stderr, /VERIFY_REPAIRED: found 2 problems, 2 repaired/)
      assert.equal((await command()).exitCode, 0)
    })

    it('looks at presence and sizes alone with --quick', async () => {
      await corrupt(own())
      assert.equal((await command('--quick')).exitCode, 0)
      await rm(pathOf(base()))
      const { exitCode, stdout } = await command('--quick', '--json')
      assert.equal(exitCode, 4)
      assert.deepEqual(briefly(JSON.parse(stdout)), ['blob -', 'reference -', 'reference -'])
    })

    it('refuses a quick rebuild', async () => {
      assert.equal((await command('--quick', '--rebuild')).exitCode, 2)
    })
  })
})
