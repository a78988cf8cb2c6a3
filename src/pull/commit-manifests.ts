import type { ReadyIngest } from '../blobs/blob-store.js'
import type { Digest } from '../oci/digest.js'
import type { Fetched } from './leaves.js'
import type { ImagePlan } from './plan.js'
import type { AskedManifest } from './requests.js'
import type { ImageRun } from './run.js'

/** Step 6 for manifests, which are in memory already: children before parents, after all leaves. */
export async function commitManifests(
  plan: Pick<ImagePlan, 'manifests'>,
  fetched: ReadonlyMap<Digest, AskedManifest>,
  { deps }: ImageRun,
): Promise<Fetched> {
  const staged: { readonly ingest: ReadyIngest; readonly mediaType: string }[] = []
  for (const { descriptor } of plan.manifests) {
    const asked = fetched.get(descriptor.digest)
    if (asked === undefined) continue
    staged.push({ ingest: await deps.blobs.stage(descriptor.digest, asked.bytes), mediaType: descriptor.mediaType })
  }
  // Begun and awaited in one go: a commit that fails while nobody waits for it yet would end the process. The recorder
  // keeps their order, in one group or in several.
  await Promise.all(staged.map(({ ingest, mediaType }) => deps.recorder.commitBlob(ingest, mediaType)))
  const received = [...fetched.values()].map((asked) => asked.received).filter((bytes) => bytes > 0)
  return { bytes: received.reduce((sum, bytes) => sum + bytes, 0), blobs: received.length }
}
