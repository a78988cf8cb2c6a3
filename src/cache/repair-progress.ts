import type { VerifyProgress } from '../inventory/reports.js'
import type { Descriptor } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import type { OnProgress } from '../pull/progress.js'

/** What a repair fetches, made of what each of the downloads says. A manifest says nothing: it is here with one answer. */
export function repairProgress(
  lost: readonly { readonly descriptor: Descriptor; readonly isManifest: boolean }[],
  onProgress: (event: VerifyProgress) => void,
): OnProgress {
  const blobs = lost.filter(({ isManifest }) => !isManifest).map(({ descriptor }) => descriptor)
  const totals = { totalBlobs: blobs.length, totalBytes: blobs.reduce((sum, { size }) => sum + size, 0) }
  const bytes = new Map<Digest, number>()
  const done = new Set<Digest>()
  return (event) => {
    if (event.type !== 'blob-progress' && event.type !== 'blob-done') return
    const { type, digest, size } = event
    bytes.set(digest, type === 'blob-done' ? size : event.bytes)
    if (type === 'blob-done') done.add(digest)
    const sum = [...bytes.values()].reduce((total, one) => total + one, 0)
    onProgress({ type: 'repair-progress', blobs: done.size, bytes: sum, ...totals })
  }
}
