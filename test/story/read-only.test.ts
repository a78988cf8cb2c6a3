/** Caches that may be read, but not written: on a mount that takes no writes, or of another user. */
import assert from 'node:assert/strict'
import { chmod, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HEARTH_FOLDER } from '../../src/oci/image-layout.js'
import { startLogProcess } from '../support/a-level-log.js'
import { anImage } from '../support/an-image.js'
import { hearth, hearthOk } from '../support/hearth.js'
import { type RawRegistry, startRawRegistry } from '../support/raw-registry.js'
import { CANNOT_MOUNT, readOnlyMount } from '../support/read-only-mount.js'
import { tempDir } from '../support/temp-dir.js'

const NOBODY = 65534

describe('a cache', () => {
  let registry: RawRegistry
  let name: string
  let cache: string

  before(async () => {
    registry = await startRawRegistry()
    name = registry.add(await anImage(), 'library/app', '1.0')
    cache = await tempDir()
    await pull(name)
  })
  after(() => registry.close())

  const pull = (reference: string) => hearthOk(['pull', reference, '--platform', 'linux/amd64', '--cache', cache])
  /** Everything that lies in it, with times. */
  const everything = async (folder = cache): Promise<string[]> => {
    const names = (await readdir(folder, { recursive: true })).sort()
    return await Promise.all(names.map(async (path) => `${path} ${(await stat(join(folder, path))).mtimeMs}`))
  }

  describe('on a read-only mount', { skip: CANNOT_MOUNT }, () => {
    let mounted: string
    before(async () => {
      mounted = await readOnlyMount(cache)
    })

    for (const argv of [
      ['ls'],
      ['inspect', 'NAME'],
      ['log'],
      ['verify'],
      ['verify', '--quick'],
      ['verify', '--repair'],
    ]) {
      it(`is read by ${argv.join(' ')}, with the result as ever`, async () => {
        const command = [...argv.map((word) => (word === 'NAME' ? name : word)), '--json']
        const expected = await hearthOk([...command, '--cache', cache])
        const before = await everything()
        assert.equal(await hearthOk([...command, '--cache', mounted]), expected)
        assert.deepEqual(await everything(), before)
      })
    }

    it('can be exported', async () => {
      const archive = join(await tempDir(), 'image.tar')
      await hearthOk(['export', name, '-o', archive, '--cache', mounted])
      assert.ok((await stat(archive)).size > 0)
    })

    it('refuses what would have to write, and says why', async () => {
      for (const argv of [['pull', name], ['rm', name], ['clean']]) {
        const { exitCode, stderr } = await hearth([...argv, '--cache', mounted])
        assert.equal(exitCode, 8, stderr)
        assert.match(stderr, /STORE_READ_ONLY/)
      }
    })

    it('shows what others write to it meanwhile', async () => {
      const other = registry.add(await anImage({ seed: 'other' }), 'library/other', '1.0')
      await pull(other)
      assert.match(await hearthOk(['log', '--cache', mounted]), /library\/other:1\.0/)
      await hearthOk(['verify', '--cache', mounted])
    })

    it('is not read while somebody writes, and says who', async () => {
      const holder = await startLogProcess('hold', cache)
      const { LevelCopyLog } = await import('../../src/log/level-copy-log.js')
      const log = new LevelCopyLog(mounted, { lockTimeoutMs: 50 })
      await assert.rejects(
        log.hold(async () => {}),
        { code: 'LOG_BUSY', details: { timeoutMs: 50, pid: holder.pid } },
      )
      await log.close()
      await holder.kill()
    })
  })

  describe('of another user', { skip: process.geteuid?.() !== 0 && 'only root may become somebody else' }, () => {
    let theirs: string
    before(async () => {
      theirs = await tempDir()
      await hearthOk(['pull', name, '--platform', 'linux/amd64', '--cache', theirs])
      await chmod(theirs, 0o755)
    })
    const asNobody = (argv: readonly string[]) => hearth([...argv, '--cache', theirs], { uid: NOBODY })

    it('is listed, inspected and verified, without its log', async () => {
      assert.equal((await asNobody(['ls'])).exitCode, 0)
      assert.equal((await asNobody(['inspect', name])).exitCode, 0)
      const { exitCode, stdout, stderr } = await asNobody(['verify', '--json'])
      assert.equal(exitCode, 0, stderr)
      const { references, problems, unchecked } = JSON.parse(stdout)
      assert.deepEqual([references, problems, unchecked.code], [1, [], 'STORE_FAILED'])
    })

    it('is exported, copied and pushed', async () => {
      const folder = await tempDir()
      await chmod(folder, 0o777)
      const target = await startRawRegistry({ uploads: {} })
      try {
        for (const argv of [
          ['export', name, '-o', join(folder, 'image.tar')],
          ['copy', name, '--to', join(folder, 'cache')],
          ['push', name, '--platform', 'linux/amd64', '--remote-name', `${target.host}/team/app:1`],
        ]) {
          const { exitCode, stderr } = await asNobody(argv)
          assert.equal(exitCode, 0, stderr)
        }
      } finally {
        await target.close()
      }
    })

    it('keeps its history to itself, and takes no writes', async () => {
      const log = await asNobody(['log'])
      assert.equal(log.exitCode, 8)
      assert.match(log.stderr, /STORE_FAILED: may not read .*\.hearth/)
      assert.equal((await asNobody(['pull', name])).exitCode, 8)
      assert.deepEqual((await stat(join(theirs, HEARTH_FOLDER))).uid, 0)
    })
  })
})
