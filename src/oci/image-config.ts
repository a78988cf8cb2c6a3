import { type Digest, isDigest } from './digest.js'
import { invalidField, knownFields, parseFields } from './fields.js'
import { parseStrictJson } from './strict-json.js'

const CONFIG = knownFields('rootfs')
const ROOTFS = knownFields('type', 'diff_ids')

/**
 * The digests of an image's layers without their compression, lowest first. Spec: image-spec v1.1 config.md "rootfs".
 * @throws HearthError MANIFEST_INVALID naming the field.
 */
export function parseDiffIds(config: Uint8Array): readonly Digest[] {
  const { rootfs } = parseFields(parseStrictJson(config, { what: 'config' }), 'config', CONFIG)
  const { diff_ids: diffIds } = parseFields(rootfs, 'rootfs', ROOTFS)
  // Go writes an empty list as null.
  const list: unknown = diffIds ?? []
  if (!Array.isArray(list)) throw invalidField('rootfs.diff_ids', 'is not a list')
  return list.map((value: unknown, at) => {
    if (!isDigest(value)) throw invalidField(`rootfs.diff_ids[${at}]`, 'is not a digest that hearth can verify')
    return value
  })
}
