import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { refuseNetwork } from '../../src/materialise/fs-network.js'
import { FUSE_MAGIC, mountTypeOf, networkFileSystem } from '../../src/materialise/network-file-system.js'
import { tempDir } from '../support/temp-dir.js'

const [EXT4, XFS, BTRFS, TMPFS, OVERLAY] = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630]

describe('networkFileSystem', () => {
  it('knows those of networks, whatever the sign of the number', () => {
    const known = { NFS: 0x6969, CIFS: 0xff534d42, SMB: 0xfe534d42, '9P': 0x01021997, Ceph: 0xc36400, AFS: 0x5346414f }
    for (const [name, magic] of Object.entries(known)) {
      assert.equal(networkFileSystem(magic), name)
      assert.equal(networkFileSystem(magic | 0), name)
    }
    assert.equal(networkFileSystem(0x0bd00bd0), 'Lustre')
  })

  it('takes local ones, and those it has not heard of', () => {
    for (const magic of [EXT4, XFS, BTRFS, TMPFS, OVERLAY, 0, 1]) assert.equal(networkFileSystem(magic), undefined)
  })

  it('tells programs apart by the type of their mount', () => {
    for (const [type, name] of [
      ['fuse.sshfs', 'sshfs'],
      ['fuse.s3fs', 's3fs'],
      ['virtiofs', 'virtiofs'],
      ['fuse.fuse-overlayfs', undefined],
      ['fuseblk', undefined],
      ['fuse.sshfs-like', undefined],
    ] as const) {
      assert.equal(networkFileSystem(FUSE_MAGIC, type), name)
    }
    assert.equal(networkFileSystem(FUSE_MAGIC), undefined)
  })
})

describe('mountTypeOf', () => {
  it('finds the type behind optional fields', () => {
    const text = [
      '22 1 98:0 / / rw,noatime master:1 shared:2 - ext4 /dev/root rw',
      '36 22 0:45 / /mnt/with\\040space rw - fuse.sshfs host:/ rw,user_id=0',
    ].join('\n')
    assert.equal(mountTypeOf(text, '98:0'), 'ext4')
    assert.equal(mountTypeOf(text, '0:45'), 'fuse.sshfs')
    assert.equal(mountTypeOf(text, '0:46'), undefined)
  })

  it('agrees with the system about /proc', async () => {
    const { dev } = await stat('/proc')
    assert.equal(mountTypeOf(await readFile('/proc/self/mountinfo', 'utf8'), `0:${dev & 0xff}`), 'proc')
  })
})

describe('refuseNetwork', () => {
  it('takes this machine’s disk, also for a folder that is not there yet', async () => {
    const folder = await tempDir()
    await refuseNetwork(folder)
    await refuseNetwork(join(folder, 'not', 'there', 'yet'))
  })

  it('refuses a network, and names it', async () => {
    const asked: string[] = []
    const kindOf = async (path: string) => {
      asked.push(path)
      if (path !== '/mnt') throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return { magic: 0x6969 }
    }
    await assert.rejects(
      refuseNetwork('/mnt/cache', kindOf),
      (error) => isHearthError(error, 'FS_UNSUPPORTED') && error.details.name === 'NFS',
    )
    assert.deepEqual(asked, ['/mnt/cache', '/mnt'])
  })
})
