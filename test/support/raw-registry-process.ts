/**
 * A raw registry in a process of its own, for benches and the demo: its work must not be counted as the client's.
 * Reads a {@link RegistrySpec} as one JSON line, prints where it listens and what it serves as another, then answers each
 * further line with its counters: `counts`, or `limit BYTES`, after which no blob is sent. Ends with its standard input,
 * or on SIGTERM.
 */
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { anImage, type BuiltImage } from './an-image.js'
import type { BlobContent } from './blob-content.js'
import { type RawRegistry, startRawRegistry } from './raw-registry.js'
import { type Step, tooManyRequests } from './raw-steps.js'
import type { RegistryCounts, RegistryReady, RegistrySpec, ServedImage } from './spawn-registry.js'

process.on('SIGTERM', () => process.exit(0))

let registry: RawRegistry | undefined
/** Bytes of blobs that may still be sent; undefined until somebody sets a limit, so that nobody else pays for it. */
let ration: number | undefined
for await (const line of createInterface({ input: process.stdin })) {
  if (registry === undefined) {
    const spec = JSON.parse(line) as RegistrySpec
    registry = await startRawRegistry(spec.options)
    if (spec.journal !== undefined || spec.busy !== undefined) registry.always({}, crowded(spec))
    print(await serve(registry, spec))
  } else {
    if (line.startsWith('limit ')) limitBlobs(registry, Number(line.slice('limit '.length)))
    print(countsOf(registry))
  }
}
await registry?.close()

async function serve(registry: RawRegistry, spec: RegistrySpec): Promise<RegistryReady> {
  const images: ServedImage[] = []
  for (const { repository, tag, ...imageSpec } of spec.images) {
    const image = await anImage(imageSpec)
    images.push({ reference: registry.add(image, repository, tag), digest: image.root.digest, ...sizesOf(image) })
  }
  return { host: registry.host, images }
}

function crowded({ busy, journal }: RegistrySpec): Step {
  let [requests, busyUntil] = [0, 0]
  return (answer, context) => {
    requests += 1
    if (requests === busy?.afterRequests) busyUntil = performance.now() + busy.forMs
    if (performance.now() < busyUntil) return tooManyRequests(1)(answer, context)
    const { digest, kind, method } = context.request
    if (journal !== undefined && kind === 'blob' && method === 'GET') appendFileSync(journal, `${digest}\n`)
    return answer
  }
}

function limitBlobs(site: RawRegistry, bytes: number): void {
  if (ration === undefined) {
    site.always({ kind: 'blob', method: 'GET' }, (answer) => ({ ...answer, body: rationed(answer.body) }))
  }
  ration = bytes
}

/** Announces its size, and ends early when the ration is used up: the peer waits for the rest. */
function rationed(content: BlobContent): BlobContent {
  return {
    size: content.size,
    *read(start, end) {
      for (const piece of content.read(start, end)) {
        const part = piece.subarray(0, ration)
        if (part.length === 0) return
        ration = (ration ?? 0) - part.length
        yield part
      }
    },
  }
}

function sizesOf(image: BuiltImage): Pick<ServedImage, 'platforms'> {
  const platforms = [...image.platforms].map(([name, { config, layers }]) => {
    const bytes = [config, ...layers].reduce((sum, { size }) => sum + size, 0)
    return [name, { blobs: layers.length + 1, bytes }]
  })
  return { platforms: Object.fromEntries(platforms) }
}

function countsOf(registry: RawRegistry): RegistryCounts {
  const count = (kind: 'manifest' | 'blob' | 'token') => registry.requestsFor({ kind }).length
  return {
    requests: registry.requests.length,
    manifests: count('manifest'),
    blobs: count('blob'),
    tokens: count('token'),
    connections: registry.connections.opened,
    bytes: registry.bytesSent,
  }
}

function print(value: RegistryReady | RegistryCounts): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
