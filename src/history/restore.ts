import type { Failure } from '../errors.js'
import { contentReader } from '../inventory/closure.js'
import { findReferences } from '../inventory/find-reference.js'
import { checkImage } from '../inventory/verify-closure.js'
import type { ReferenceRecord } from '../log/event-log.js'
import type { ReferenceSet } from '../log/events.js'
import { distinct } from '../oci/descriptor.js'
import type { Digest } from '../oci/digest.js'
import { type HoldingsDeps, presentBlobs } from '../pull/holdings.js'
import type { RestoreReport } from './reports.js'

type Past = ReadonlyMap<string, ReferenceRecord>
type Restored = RestoreReport['restored'][number]

/**
 * Sets references to what they stood for in the past, if all of it is still here: blobs are leased, and hashed where the log does
 * not vouch for them. Each reference for itself. What was restored is durable once the recorder was flushed. Idempotent.
 * @param past what the references were.
 */
export async function restoreReferences(
  names: readonly string[],
  past: Past,
  { deps, signal }: { readonly deps: HoldingsDeps; readonly signal?: AbortSignal },
): Promise<RestoreReport> {
  const { found, unknown } = findReferences(names, past, 'in the cache at that moment')
  const restored: Restored[] = []
  const failed: RestoreReport['failed'][number][] = []
  for (const reference of found) {
    const record = past.get(reference)
    if (record === undefined) throw new TypeError('what was found is there')
    const { failure, missing } = await whatLacks(record, deps, signal)
    if (failure !== undefined) failed.push({ reference, failure, missing })
    else restored.push(await set(reference, record, deps))
  }
  return { restored, failed: [...failed, ...unknown.map((each) => ({ ...each, missing: [] }))] }
}

interface Lacks {
  readonly failure?: Failure
  readonly missing: readonly Digest[]
}

async function whatLacks(image: ReferenceRecord, deps: HoldingsDeps, signal: AbortSignal | undefined): Promise<Lacks> {
  const withSignal = { ...(signal && { signal }) }
  // With nothing known to be sound, the gaps are all that the image needs.
  const check = await checkImage(image, { read: contentReader(deps.blobs), sound: new Map(), ...withSignal })
  const needed = distinct(check.gaps.map(({ descriptor }) => descriptor))
  const present = await presentBlobs(needed, deps, signal)
  const missing = needed.map(({ digest }) => digest).filter((digest) => !present.has(digest))
  if (missing.length > 0) return { failure: isMissing(missing, needed.length), missing }
  // Here nothing is missing: what is wrong otherwise is about the image itself.
  const failure = check.failure?.code === 'BLOB_UNKNOWN' ? undefined : check.failure
  return { ...(failure && { failure }), missing }
}

function isMissing(missing: readonly Digest[], needed: number): Failure {
  const message = `${missing.length} of ${needed} blobs are not in the cache any more`
  return { code: 'BLOB_UNKNOWN', message, details: { missing: missing.length, digest: missing[0] ?? '' } }
}

async function set(
  reference: string,
  { descriptor, platforms, manifests, size }: ReferenceRecord,
  { recorder }: HoldingsDeps,
): Promise<Restored> {
  const known = { ...(manifests !== undefined && { manifests }), ...(size !== undefined && { size }) }
  const event: ReferenceSet = { type: 'ReferenceSet', reference, descriptor, platforms, ...known, origin: 'restored' }
  let changed = false
  await recorder.record(async (log) => {
    const now = await log.reference(reference)
    changed = now?.descriptor.digest !== descriptor.digest || now.platforms.join() !== platforms.join()
    return changed ? [event] : []
  })
  return { reference, digest: descriptor.digest, changed }
}
