import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHearthError } from '../../src/errors.js'
import { flatten } from '../../src/exchange/flatten.js'
import { aSink } from '../support/a-sink.js'
import { entriesOf, flattened, sourceOf } from '../support/flattened.js'
import { factsOf } from '../support/gnu-tar.js'
import {
  aFile,
  aFolder,
  aLink,
  aStack,
  aSymlink,
  aTar,
  gzipLayer,
  type LayerEntry,
  plainLayer,
} from '../support/layer-entries.js'
import { zstdOf } from '../support/zstd.js'

/** The archive of these layers, lowest first. */
async function archiveOf(...layers: readonly (readonly LayerEntry[])[]): Promise<Buffer> {
  return await flattened(await aStack(await Promise.all(layers.map(async (layer) => gzipLayer(await aTar(layer))))))
}

/** Path to content, for files; to `/` for folders and to `-> target` for symlinks. */
async function treeOf(...layers: readonly (readonly LayerEntry[])[]): Promise<Record<string, string>> {
  const facts = await factsOf(await archiveOf(...layers))
  const shown = ({ type, content, target }: { type: string; content: string; target: string }) =>
    type === '5' ? '/' : type === '2' ? `-> ${target}` : content
  return Object.fromEntries([...facts].map(([path, fact]) => [path, shown(fact)]))
}

const whiteout = (path: string): LayerEntry => ({ name: path })

describe('a flattened file system', () => {
  it('has what all layers have, the highest one last', async () => {
    assert.deepEqual(await treeOf([aFile('a', 'low'), aFile('b', 'low')], [aFile('b', 'high'), aFile('c', 'high')]), {
      a: 'low',
      b: 'high',
      c: 'high',
    })
  })

  it('takes the last of several entries of one name in a layer', async () => {
    assert.deepEqual(await treeOf([aFile('a', 'one'), aFile('./a', 'two')]), { a: 'two' })
  })

  it('lets a file replace a folder with all in it, and a folder a file', async () => {
    assert.deepEqual(await treeOf([aFolder('a'), aFile('a/b'), aFile('c')], [aFile('a', 'file'), aFolder('c')]), {
      a: 'file',
      c: '/',
    })
  })

  it('keeps what is in a folder that a higher layer describes anew', async () => {
    const tar = await archiveOf([aFolder('a'), aFile('a/b')], [aFolder('a', { mode: 0o700, uid: 7 })])
    const facts = await factsOf(tar)
    assert.deepEqual([facts.get('a')?.mode, facts.get('a')?.owner, facts.get('a/b')?.content], [0o700, '7:0', 'a/b'])
  })

  it('makes the folders that no entry describes', async () => {
    assert.deepEqual(await treeOf([aFile('a/b/c')]), { a: '/', 'a/b': '/', 'a/b/c': 'a/b/c' })
  })

  it('follows symbolic links in paths, never out of the root', async () => {
    assert.deepEqual(
      await treeOf(
        [aFolder('usr/lib'), aSymlink('lib', 'usr/lib'), aSymlink('out', '../../../tmp'), aSymlink('abs', '/usr')],
        [aFile('lib/x'), aFile('out/y'), aFile('abs/lib/z')],
      ),
      {
        usr: '/',
        'usr/lib': '/',
        'usr/lib/x': 'lib/x',
        'usr/lib/z': 'abs/lib/z',
        lib: '-> usr/lib',
        out: '-> ../../../tmp',
        abs: '-> /usr',
        tmp: '/',
        'tmp/y': 'out/y',
      },
    )
  })
})

describe('a whiteout', () => {
  it('hides a file, and a folder with all in it', async () => {
    assert.deepEqual(
      await treeOf([aFile('a'), aFolder('b'), aFile('b/c'), aFile('d')], [whiteout('.wh.a'), whiteout('.wh.b')]),
      { d: 'd' },
    )
  })

  it('hides nothing of its own layer, wherever it stands in it', async () => {
    for (const order of [0, 1]) {
      const entries = [whiteout('.wh.a'), aFile('a', 'high')]
      assert.deepEqual(await treeOf([aFile('a', 'low')], order === 0 ? entries : entries.toReversed()), { a: 'high' })
    }
  })

  it('hides what lower layers have in a folder of which its own has something', async () => {
    assert.deepEqual(await treeOf([aFile('a/low')], [aFile('a/high'), whiteout('.wh.a')]), {
      a: '/',
      'a/high': 'a/high',
    })
  })

  it('means nothing where there is nothing', async () => {
    assert.deepEqual(await treeOf([aFile('a')], [whiteout('.wh.b'), whiteout('c/.wh.d'), whiteout('e/.wh..wh..opq')]), {
      a: 'a',
    })
  })

  it('is not one for names that only begin with a dot', async () => {
    assert.deepEqual(await treeOf([aFile('.a'), aFile('.whx')]), { '.a': '.a', '.whx': '.whx' })
  })

  it('of AUFS itself is ignored, with what is in it', async () => {
    assert.deepEqual(
      await treeOf([aFolder('.wh..wh.plnk'), aFile('.wh..wh.plnk/1.2'), aFile('.wh..wh.aufs'), aFile('a')]),
      {
        a: 'a',
      },
    )
  })

  it('keeps the content of a hidden file that another name leads to', async () => {
    assert.deepEqual(await treeOf([aFile('a', 'content')], [aLink('b', 'a')], [whiteout('.wh.a')]), { b: 'content' })
  })
})

describe('an opaque whiteout', () => {
  const low = [aFolder('a'), aFile('a/low'), aFolder('a/sub'), aFile('a/sub/low'), aFile('other')]

  it('hides all that lower layers have in a folder, at any place in its layer', async () => {
    const own = [aFile('a/high'), aFile('a/sub/high')]
    for (const at of [0, 1, 2]) {
      assert.deepEqual(await treeOf(low, own.toSpliced(at, 0, whiteout('a/.wh..wh..opq'))), {
        a: '/',
        'a/high': 'a/high',
        'a/sub': '/',
        'a/sub/high': 'a/sub/high',
        other: 'other',
      })
    }
  })

  it('leaves the folder itself', async () => {
    const facts = await factsOf(
      await archiveOf([aFolder('a', { mode: 0o711 }), aFile('a/low')], [whiteout('a/.wh..wh..opq')]),
    )
    assert.deepEqual([...facts.keys(), facts.get('a')?.mode], ['a', 0o711])
  })

  it('hides everything when it is in the root', async () => {
    assert.deepEqual(await treeOf(low, [aFile('new'), whiteout('.wh..wh..opq')]), { new: 'new' })
  })
})

describe('a hard link', () => {
  it('is written once with its content, and then as a link', async () => {
    const entries = await entriesOf(await archiveOf([aFile('b', 'text'), aLink('a', 'b')], [aLink('c', './a')]))
    assert.deepEqual(
      entries.map(({ header: { name, type, linkName }, content }) => [name, type, linkName, content.toString()]),
      [
        ['a', '0', '', 'text'],
        ['b', '1', 'a', ''],
        ['c', '1', 'a', ''],
      ],
    )
  })

  it('leads to what had the name when it was made', async () => {
    assert.deepEqual(await treeOf([aFile('a', 'old')], [aLink('b', 'a'), aFile('a', 'new')]), { a: 'new', b: 'old' })
  })

  it('may be one of a symbolic link, and follows those before the last name', async () => {
    assert.deepEqual(await treeOf([aFile('d/f'), aSymlink('l', 'd'), aLink('m', 'l'), aLink('n', 'l/f')]), {
      d: '/',
      'd/f': 'd/f',
      l: '-> d',
      m: '-> d',
      n: 'd/f',
    })
  })
})

describe('the archive of a file system', () => {
  it('is the same for the same image, however its layers are compressed and cut', async () => {
    const tars = await Promise.all([aTar([aFile('a', 'x'.repeat(100_000))]), aTar([aFile('b'), whiteout('.wh.c')])])
    const stacks = await Promise.all([
      aStack(tars.map(gzipLayer)),
      aStack(tars.map(plainLayer)),
      aStack(tars.map((tar) => ({ tar, blob: zstdOf(tar), mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }))),
    ])
    const [first, ...others] = await Promise.all(stacks.map((stack) => flattened(stack)))
    for (const other of others) assert.ok(first !== undefined && other.equals(first))
    const sink = aSink()
    const [stack] = stacks
    await flatten(stack.manifest, { source: sourceOf(stack, 1), sink })
    assert.ok(first?.equals(sink.bytes()))
  })

  it('has each folder before what is in it, and says nothing twice', async () => {
    const tar = await archiveOf([aFile('z/y/x'), aFile('a'), aFolder('z')], [aFolder('z/y'), aFile('b/c')])
    const names = (await entriesOf(tar)).map(({ header }) => header.name)
    assert.deepEqual(names, ['b/', 'z/', 'z/y/', 'z/y/x', 'a', 'b/c'])
  })

  it('keeps modes, owners, times, devices and attributes to the last bit, and names of any bytes', async () => {
    const name = `n\xff${'long/'.repeat(60)}\xfe`
    const pax = new Map([
      ['mtime', '-1.25'],
      ['SCHILY.xattr.user.x', 'a=b\n\0\xff'],
      ['comment', 'not kept'],
    ])
    const file = aFile(name, 'x', { mode: 0o6751, uid: 4294967294, gid: 2097152, mtime: -2, pax, userName: 'nobody' })
    const device = { name: 'dev', type: '3', deviceMajor: 4095, deviceMinor: 1048575, mode: 0o600 }
    const entries = await entriesOf(await archiveOf([file, device]))
    const [found, node] = entries.slice(-2).map(({ header }) => header)
    assert.deepEqual(
      { ...found, pax: [...(found?.pax ?? [])] },
      {
        ...{ type: '0', name, linkName: '', mode: 0o6751, uid: 4294967294, gid: 2097152, userName: '', groupName: '' },
        ...{ size: 1, mtime: -2, deviceMajor: 0, deviceMinor: 0 },
        pax: [
          ['SCHILY.xattr.user.x', 'a=b\n\0\xff'],
          ['mtime', '-1.25'],
        ],
      },
    )
    assert.deepEqual([node?.type, node?.deviceMajor, node?.deviceMinor], ['3', 4095, 1048575])
  })

  it('describes the root only when a layer does', async () => {
    assert.deepEqual(await treeOf([aFile('a')]), { a: 'a' })
    const facts = await factsOf(await archiveOf([aFolder('.', { mode: 0o1755 })], [aFile('a')]))
    assert.equal(facts.get('')?.mode, 0o1755)
  })

  it('gives a folder that is only implied the group of one that hands on its own', async () => {
    const facts = await factsOf(await archiveOf([aFolder('a', { mode: 0o2770, gid: 50 })], [aFile('a/b/c')]))
    assert.deepEqual([facts.get('a/b')?.mode, facts.get('a/b')?.owner], [0o2755, '0:50'])
  })

  it('of an image without layers is empty', async () => {
    assert.deepEqual(await entriesOf(await flattened(await aStack([]))), [])
    assert.deepEqual(await entriesOf(await flattened(await aStack([plainLayer(new Uint8Array())]))), [])
  })

  it('is not begun when the config does not fit', async () => {
    const layer = gzipLayer(await aTar([aFile('a')]))
    for (const diffIds of [[], ['sha256:x'], [null as unknown as string]]) {
      await assert.rejects(flattened(await aStack([layer], diffIds)), (error) =>
        isHearthError(error, 'MANIFEST_INVALID'),
      )
    }
  })
})
