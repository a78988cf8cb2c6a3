import type { Cache, InspectedNode, Inspection, InspectOptions } from '../index.js'
import { formatPlatform } from '../oci/platform.js'
import type { DocumentOutcome } from './outcome.js'
import { printable } from './printable.js'
import { table } from './table.js'
import { formatBytes } from './units.js'

/** `hearth inspect REF`: what an image consists of, and what of it is in the cache. */
export async function inspect(cache: Cache, reference: string, options: InspectOptions = {}): Promise<DocumentOutcome> {
  return renderInspection(await cache.inspect(reference, options))
}

/** The image as a tree: kind and platform, digest, size, whether it is present, media type. */
export function renderInspection(inspection: Inspection): DocumentOutcome {
  const { reference, root, presentBytes, totalBytes, referrers } = inspection
  return {
    kind: 'document',
    document: inspection,
    lines: [
      printable(reference),
      ...table(rowsOf(root, '', ''), [2]),
      `${formatBytes(presentBytes)} of ${formatBytes(totalBytes)} present`,
      ...referrerLines(referrers),
    ],
    problems: [],
    exitCode: 0,
  }
}

/** `referred to by @sha256:… (application/vnd.example.sbom)`. */
function referrerLines(referrers: Inspection['referrers']): string[] {
  return referrers.map(({ reference, artifactType, mediaType }) => {
    return printable(`referred to by ${reference} (${artifactType ?? mediaType})`)
  })
}

/** @param own prefix of this node's line; @param below prefix of its children's lines. */
function rowsOf(node: InspectedNode, own: string, below: string): string[][] {
  const { kind, present, children, descriptor } = node
  const { platform, digest, size, mediaType } = descriptor
  const name = platform === undefined ? kind : `${kind} ${formatPlatform(platform)}`
  const row = [own + name, digest, formatBytes(size), present ? '✓' : 'missing', mediaType]
  const last = children.length - 1
  const nested = children.flatMap((child, place) =>
    place === last ? rowsOf(child, `${below}└─ `, `${below}   `) : rowsOf(child, `${below}├─ `, `${below}│  `),
  )
  return [row, ...nested]
}
