import type { HearthError } from '../errors.js'
import { type Descriptor, parseAnnotations, parseDescriptor, parseOptional, parseText } from './descriptor.js'
import { type Fields, invalidField, knownFields, parseFields } from './fields.js'
import {
  declaredType,
  isAmongManifests,
  isIndexType,
  isManifestType,
  isMediaType,
  isSchema1Type,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-type.js'
import { quote } from './quote.js'
import { parseStrictJson } from './strict-json.js'

/** Metadata above this is refused, counted on received bytes. Spec: distribution-spec v1.1 "Pushing Manifests". */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024
/** Bounds the work for one document; real ones list a few hundred at most. */
const MAX_DESCRIPTORS = 10_000

/** An image manifest or an artifact's. Spec: image-spec v1.1 manifest.md. */
export interface Manifest {
  readonly kind: 'manifest'
  readonly mediaType: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** Spec: image-spec v1.1 image-index.md. */
export interface Index {
  readonly kind: 'index'
  readonly mediaType: string
  readonly artifactType?: string
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** A root or child of a type hearth does not know: kept byte for byte, nothing is read from it. */
export interface OpaqueManifest {
  readonly kind: 'opaque'
  readonly mediaType: string
}

export type ParsedManifest = Manifest | Index | OpaqueManifest

/**
 * Pure. The type of an artifact as a list of referrers gives it, undefined for a manifest that nothing is known of.
 * Spec: distribution-spec v1.1 "Listing Referrers".
 */
export function artifactTypeOf(parsed: ParsedManifest): string | undefined {
  if (parsed.kind === 'opaque') return undefined
  return parsed.artifactType ?? (parsed.kind === 'manifest' ? parsed.config.mediaType : undefined)
}

const COMMON = ['schemaVersion', 'mediaType', 'artifactType', 'subject', 'annotations']
const KNOWN = knownFields(...COMMON, 'manifests', 'config', 'layers', 'fsLayers')

/**
 * Reads what a registry, a layout or an archive calls an index or a manifest. The bytes stay what counts: they are kept
 * as they came, this is only a view of them.
 *
 * `mediaType` is what the parent descriptor or the Content-Type header says, parameters allowed. It must agree with the
 * document's own `mediaType`; without both, the shape decides. A document that could be read as an index by one tool and
 * as a manifest by another is refused (CVE-2021-41190). A type that hearth does not know makes an opaque manifest; if it
 * was declared, the bytes are not even looked at.
 *
 * Spec: image-spec v1.1 manifest.md and image-index.md.
 * @throws HearthError MANIFEST_INVALID naming the field; also for Docker schema 1.
 */
export function parseManifest(bytes: Uint8Array, mediaType: string | undefined): ParsedManifest {
  const declared = declaredType(mediaType)
  if (declared !== undefined && !isKnownType(declared)) return { kind: 'opaque', mediaType: declared }
  const fields = parseFields(parseStrictJson(bytes, { what: 'manifest' }), 'manifest', KNOWN)
  const type = agreedType(declared, fields)
  if (!isKnownType(type)) return { kind: 'opaque', mediaType: type }
  refuseAmbiguous(type, fields)
  const parsed = isIndexType(type) ? parseIndex(fields, type) : parseImageManifest(fields, type)
  refuseTwoSizes(parsed)
  return parsed
}

/** What has to be there before this is complete, each digest once: an index's manifests, or the config and the layers. */
export function successors(parsed: ParsedManifest): readonly Descriptor[] {
  const seen = new Set<string>()
  return listed(parsed).filter(({ digest }) => !seen.has(digest) && seen.add(digest))
}

/** Pure. Whether an index leaves it unsaid what this manifest of its is made for, though it says it of others. */
export function isUnlabelled({ platform, mediaType }: Descriptor, { manifests }: Pick<Index, 'manifests'>): boolean {
  const isOne = platform === undefined && isAmongManifests(mediaType) && !isIndexType(mediaType)
  return isOne && manifests.some((other) => other.platform !== undefined)
}

function listed(parsed: ParsedManifest): readonly Descriptor[] {
  switch (parsed.kind) {
    case 'index':
      return parsed.manifests
    case 'manifest':
      return [parsed.config, ...parsed.layers]
    case 'opaque':
      return []
    default:
      return unreachable(parsed)
  }
}

/** Types that decide how the bytes are read; schema 1 is known in order to be refused. */
function isKnownType(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType) || isSchema1Type(mediaType)
}

function agreedType(declared: string | undefined, fields: Fields): string {
  const own = fields.mediaType
  // Go writes an unset text as "".
  if (own === undefined || own === null || own === '') return declared ?? typeByShape(fields)
  if (!isMediaType(own)) throw invalidField('mediaType', 'is not a media type')
  if (declared !== undefined && own !== declared) {
    throw invalidField('mediaType', `is ${quote(own)}, but ${quote(declared)} was announced`)
  }
  return own
}

function typeByShape(fields: Fields): string {
  if (fields.schemaVersion === 1) throw schema1()
  if (Object.hasOwn(fields, 'manifests')) return OCI_INDEX
  if (Object.hasOwn(fields, 'config') && Object.hasOwn(fields, 'layers')) return OCI_MANIFEST
  throw invalidField('mediaType', 'is missing, and the document has the shape of neither index nor manifest')
}

function refuseAmbiguous(type: string, fields: Fields): void {
  if (isSchema1Type(type) || fields.schemaVersion === 1) throw schema1()
  // Its absence harms nobody, and containerd does not look at it either.
  if (fields.schemaVersion !== undefined && fields.schemaVersion !== 2) throw invalidField('schemaVersion', 'is not 2')
  const foreign = isIndexType(type) ? ['config', 'layers', 'fsLayers'] : ['manifests', 'fsLayers']
  for (const name of foreign) {
    if (Object.hasOwn(fields, name)) throw invalidField(name, `does not belong into ${quote(type)}`)
  }
}

function parseIndex(fields: Fields, mediaType: string): Index {
  return { kind: 'index', mediaType, manifests: parseDescriptors(fields, 'manifests'), ...parseCommon(fields) }
}

function parseImageManifest(fields: Fields, mediaType: string): Manifest {
  const config = parseDescriptor(fields.config, 'config')
  return { kind: 'manifest', mediaType, config, layers: parseDescriptors(fields, 'layers'), ...parseCommon(fields) }
}

function parseCommon(fields: Fields): Pick<Index, 'artifactType' | 'subject' | 'annotations'> {
  const artifactType = parseOptional(fields.artifactType, 'artifactType', parseText)
  const subject = parseOptional(fields.subject, 'subject', parseDescriptor)
  const annotations = parseOptional(fields.annotations, 'annotations', parseAnnotations)
  return {
    ...(artifactType !== undefined && { artifactType }),
    ...(subject !== undefined && { subject }),
    ...(annotations !== undefined && { annotations }),
  }
}

function parseDescriptors(fields: Fields, name: 'manifests' | 'layers'): readonly Descriptor[] {
  if (!Object.hasOwn(fields, name)) throw invalidField(name, 'is missing')
  // Go writes an empty list as null.
  const list = fields[name] ?? []
  if (!Array.isArray(list)) throw invalidField(name, 'is not a list')
  if (list.length > MAX_DESCRIPTORS) throw invalidField(name, `has more than ${MAX_DESCRIPTORS} entries`)
  return list.map((value: unknown, at) => parseDescriptor(value, `${name}[${at}]`))
}

/** One digest has one length: with a second one, whether the blob is complete would depend on who is asked. */
function refuseTwoSizes(parsed: ParsedManifest): void {
  const sizes = new Map<string, number>()
  for (const { digest, size } of listed(parsed)) {
    if ((sizes.get(digest) ?? size) !== size) throw invalidField(digest, 'is listed with two sizes')
    sizes.set(digest, size)
  }
}

function schema1(): HearthError {
  return invalidField('schemaVersion', 'is 1: Docker schema 1 is not supported; push the image with a current tool')
}

function unreachable(parsed: never): never {
  throw new TypeError(`unknown kind of manifest: ${JSON.stringify(parsed)}`)
}
