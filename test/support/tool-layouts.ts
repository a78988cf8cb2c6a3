import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { INDEX_FILE, LINUXKIT_LOCK, REF_NAME } from '../../src/oci/image-layout.js'
import { OCI_INDEX } from '../../src/oci/media-type.js'
import { referrersTag } from '../../src/oci/referrer.js'
import type { BuiltImage } from './an-image.js'
import { writeLayout } from './write-layout.js'

/** An image layout as a tool writes it that Debian does not have: made from the tool's source, byte by byte the same in kind. */
export interface ToolLayout {
  readonly tool: string
  /** Writes the image, and the referrer where the tool keeps such. */
  write(folder: string, image: BuiltImage, referrer: BuiltImage): Promise<void>
  /** What hearth calls them, sorted. */
  names(image: BuiltImage, referrer: BuiltImage): readonly string[]
}

const NAME = 'docker.io/library/app:1.0'

export const TOOL_LAYOUTS: readonly ToolLayout[] = [
  {
    // go-containerregistry pkg/v1/layout: three spaces, a mediaType, no name unless --annotate-ref asks for one.
    tool: 'crane',
    write: async (folder, image) => {
      await writeLayout(folder, [{ image }])
      await writeIndex(folder, { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [image.root] }, 3)
      await writeFile(join(folder, 'oci-layout'), '{\n    "imageLayoutVersion": "1.0.0"\n}')
    },
    names: (image) => [`@${image.root.digest}`],
  },
  {
    // regclient scheme/ocidir: names are tags alone; referrers stand in an index under the tag that stands in for their list.
    tool: 'regctl',
    write: async (folder, image, referrer) => {
      const index = await indexOf(referrer)
      await writeLayout(folder, [{ image }, { image: referrer }, { image: index }])
      const named = (root: object, name: string) => ({ ...root, annotations: { [REF_NAME]: name } })
      const manifests = [named(image.root, '1.0'), named(index.root, referrersTag(image.root.digest))]
      await writeIndex(folder, { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, 0)
    },
    names: (image) => ['1.0', referrersTag(image.root.digest)],
  },
  {
    // oras-go content/oci: no mediaType, the artifactType beside the descriptor, referrers and what an index lists without a
    // name, an ingest folder.
    tool: 'oras',
    write: async (folder, image, referrer) => {
      await writeLayout(folder, [{ image }, { image: referrer }])
      const manifests = [
        { ...image.root, annotations: { [REF_NAME]: '1.0' } },
        { ...referrer.root, artifactType: 'application/vnd.hearth.test' },
        ...[...image.platforms.values()].map(({ manifest }) => manifest),
      ]
      await writeIndex(folder, { schemaVersion: 2, manifests }, 0)
      await mkdir(join(folder, 'ingest'))
    },
    names: (image, referrer) => {
      const unnamed = [referrer.root, ...[...image.platforms.values()].map(({ manifest }) => manifest)]
      return ['1.0', ...unnamed.map(({ digest }) => `@${digest}`)]
    },
  },
  {
    // linuxkit cache/write.go on go-containerregistry: full names, one more for each platform of an index, and its lock file.
    tool: 'LinuxKit',
    write: async (folder, image) => {
      await writeLayout(folder, [{ image }])
      const platforms = [...image.platforms.values()].map(({ manifest, platform }) => ({
        ...manifest,
        platform,
        annotations: { [REF_NAME]: `${NAME}-${platform.architecture}` },
      }))
      const manifests = [{ ...image.root, annotations: { [REF_NAME]: NAME } }, ...platforms]
      await writeIndex(folder, { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, 3)
      await writeFile(join(folder, LINUXKIT_LOCK), '')
    },
    names: () => [NAME, `${NAME}-amd64`, `${NAME}-arm64`],
  },
]

/** The same file with some of its entries taken out, as a tool does that removes an image. */
export async function dropEntries(folder: string, names: readonly string[]): Promise<void> {
  const index = JSON.parse(await readFile(join(folder, INDEX_FILE), 'utf8'))
  const named = (entry: { readonly annotations?: Record<string, string> }) => entry.annotations?.[REF_NAME] ?? ''
  const manifests = index.manifests.filter((entry: never) => !names.includes(named(entry)))
  await writeIndex(folder, { ...index, manifests }, 0)
}

async function indexOf(referrer: BuiltImage): Promise<BuiltImage> {
  const { aRawImage } = await import('./a-raw-image.js')
  const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [referrer.root] }
  return aRawImage(document, { mediaType: OCI_INDEX })
}

async function writeIndex(folder: string, index: object, indent: number): Promise<void> {
  await writeFile(join(folder, INDEX_FILE), JSON.stringify(index, null, indent))
}
