import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import { FLATTEN_LIMITS } from '../../src/exchange/flatten-limits.js'
import { FlattenTree } from '../../src/exchange/flatten-tree.js'
import { TAR_TYPES, type TarHeader } from '../../src/exchange/tar-header.js'
import type { LayerEntry } from './layer-entries.js'

/** Few names, so that layers meet: one with a blank, one beyond ASCII, one that is no UTF-8, one too long for ustar. */
const NAMES = ['a', 'b', 'c', 'd', 'e f', 'g\u00c3\u00bc', 'h\xff', 'n'.repeat(120)]
const name = fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...NAMES.slice(0, 4)) }, fc.constantFrom(...NAMES))
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
const prefix = fc.constantFrom('', '', '', './', '/', './/')

const owner = fc.constantFrom(0, 0, 1000, 65534, 2097152, 4294967294)
const mode = fc.constantFrom(0o644, 0o755, 0, 0o777, 0o4755, 0o2755, 0o1777, 0o600)
const nanoseconds = fc.constantFrom('', '', '.5', '.123456789', '.000000001')
const seconds = fc.oneof(fc.constantFrom(0, 1, -1, 1e9), fc.integer({ min: 1, max: 1_600_000_000 }))
/** file capabilities: cap_net_raw+ep, revision 2. */
const CAPABILITY = '\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
const xattrs = fc.dictionary(
  fc.constantFrom('user.note', 'user.other', 'trusted.hearth'),
  fc.constantFrom('x', 'two\nlines', 'nul\0 and \xff', 'equals=sign', 'y'.repeat(300)),
  { maxKeys: 2 },
)

interface Facts {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly pax: ReadonlyMap<string, string>
}

const facts = fc
  .record({ mode, uid: owner, gid: owner, seconds, nanoseconds, xattrs, capability: fc.boolean() })
  .map(({ seconds: mtime, nanoseconds: fraction, xattrs: attributes, capability, ...rest }): Facts => {
    const pax = new Map(Object.entries(attributes).map(([key, value]) => [`SCHILY.xattr.${key}`, value]))
    if (capability) pax.set('SCHILY.xattr.security.capability', CAPABILITY)
    // A fraction is counted from zero downwards: -1.5 is a second and a half before 1970.
    if (fraction !== '') pax.set('mtime', `${mtime}${fraction}`)
    return { ...rest, mtime, pax }
  })

/** Linux keeps attributes of users on files and folders alone, and capabilities on files. */
function allowed(entry: LayerEntry): LayerEntry {
  const isFile = entry.type === undefined || entry.type === TAR_TYPES.file
  const isFolder = entry.type === TAR_TYPES.folder
  const pax = [...(entry.pax ?? [])].filter(([key]) => {
    if (key.endsWith('security.capability')) return isFile
    return isFile || isFolder || !key.includes('.xattr.')
  })
  return { ...entry, pax: new Map(pax) }
}

const target = fc.oneof(
  path,
  path.map((text) => `/${text}`),
  path.map((text) => `../${text}`),
  fc.constantFrom('.', '..', '/', '../../..', 'nowhere/at/all', './a/../b'),
)
const content = fc.oneof(
  fc.constantFrom('', 'x'),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('z'.repeat(512), 'k'.repeat(3000)),
)

const described = (entry: fc.Arbitrary<LayerEntry>): fc.Arbitrary<LayerEntry> => {
  return fc
    .tuple(entry, facts, prefix)
    .map(([given, all, before]) => allowed({ ...all, ...given, name: before + given.name }))
}

const entry: fc.Arbitrary<LayerEntry> = fc.oneof(
  { weight: 6, arbitrary: described(fc.record({ name: path, content })) },
  { weight: 5, arbitrary: described(path.map((text) => ({ name: `${text}/`, type: TAR_TYPES.folder }))) },
  { weight: 1, arbitrary: described(fc.constant({ name: './', type: TAR_TYPES.folder })) },
  {
    weight: 3,
    arbitrary: described(fc.record({ name: path, linkName: target, type: fc.constant(TAR_TYPES.symlink) })),
  },
  { weight: 4, arbitrary: fc.record({ name: path, linkName: path, type: fc.constant(TAR_TYPES.link) }) },
  {
    weight: 1,
    arbitrary: described(
      fc.record({
        name: path,
        type: fc.constantFrom(TAR_TYPES.characterDevice, TAR_TYPES.blockDevice, TAR_TYPES.fifo),
        deviceMajor: fc.constantFrom(0, 1, 259, 4095),
        deviceMinor: fc.constantFrom(3, 255, 256, 1_048_575),
      }),
    ),
  },
  { weight: 4, arbitrary: path.map((text) => ({ name: text.replace(/([^/]*)$/, '.wh.$1') })) },
  { weight: 2, arbitrary: path.map((text) => ({ name: `${text}/.wh..wh..opq` })) },
  { weight: 1, arbitrary: fc.constant({ name: '.wh..wh..opq' }) },
)

/** Layers of an image, lowest first, as entries. Many of them cannot be unpacked; see {@link withoutImpossible}. */
export const randomLayers: fc.Arbitrary<readonly (readonly LayerEntry[])[]> = fc.array(
  fc.array(entry, { minLength: 1, maxLength: 12 }),
  { minLength: 1, maxLength: 4 },
)

/** The layers without the entries that hearth calls impossible: what is left, every tool has to be able to unpack. */
export function withoutImpossible(layers: readonly (readonly LayerEntry[])[]): readonly (readonly LayerEntry[])[] {
  const kept: LayerEntry[][] = []
  let tree = treeOf(kept)
  for (const [layer, entries] of layers.entries()) {
    const here: LayerEntry[] = []
    kept.push(here)
    for (const given of entries) {
      try {
        tree.apply(headerOf(given), { layer, entry: here.length })
        here.push(given)
      } catch (error) {
        if (!isHearthError(error, 'LAYER_INVALID')) throw error
        // It may have replaced something before it failed.
        tree = treeOf(kept)
      }
    }
  }
  return kept
}

function treeOf(layers: readonly (readonly LayerEntry[])[]): FlattenTree {
  const tree = new FlattenTree(FLATTEN_LIMITS.maxNameBytes)
  for (const [layer, entries] of layers.entries()) {
    for (const [entry, given] of entries.entries()) tree.apply(headerOf(given), { layer, entry })
  }
  return tree
}

const PLAIN = {
  type: TAR_TYPES.file,
  linkName: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: '',
  groupName: '',
  size: 0,
  mtime: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  pax: new Map<string, string>(),
}

function headerOf({ content: _, ...given }: LayerEntry): TarHeader {
  return { ...PLAIN, ...given }
}
