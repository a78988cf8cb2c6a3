import { closureOf, type ReadContent } from '../inventory/closure.js'
import type { IndexEntry } from '../log/decide.js'
import type { Digest } from '../oci/digest.js'
import { fullReferenceIn } from '../oci/reference.js'
import type { Repository } from '../registry/uploads.js'
import type { BlobOutcome } from './upload-blob.js'

/**
 * The blobs of one job: each goes to a registry once, however many images need it. The registry's other repositories take it
 * from there, or from one that an image in the cache was pulled from.
 */
export class PushedBlobs {
  readonly #entries: readonly IndexEntry[]
  readonly #read: ReadContent
  /** The last one to push a blob to a registry. */
  readonly #running = new Map<string, Promise<unknown>>()
  /** Repositories that have a blob by now. */
  readonly #done = new Map<string, Set<string>>()
  readonly #known = new Map<string, Promise<ReadonlyMap<Digest, ReadonlySet<string>>>>()

  /** @param entries what the cache has, for what other repositories of a registry may have. */
  constructor(entries: readonly IndexEntry[], read: ReadContent) {
    this.#entries = entries
    this.#read = read
  }

  /** Runs `push` when nobody else pushes the blob to this registry any more, and unless the repository has it by then. */
  async once(to: Repository, digest: Digest, push: () => Promise<BlobOutcome>): Promise<BlobOutcome> {
    const key = `${to.registry} ${digest}`
    const run = async (): Promise<BlobOutcome> => {
      const done = this.#done.get(key) ?? new Set()
      if (done.has(to.repository)) return 'present'
      const outcome = await push()
      this.#done.set(key, done.add(to.repository))
      return outcome
    }
    const turn = (this.#running.get(key) ?? Promise.resolve()).then(run, run)
    this.#running.set(key, turn)
    return await turn
  }

  /** Another repository of the registry that may have the blob. Reads the cache's manifests when it is first asked. */
  async elsewhere({ registry, repository }: Repository, digest: Digest): Promise<string | undefined> {
    const known = this.#known.get(registry) ?? this.#look(registry)
    this.#known.set(registry, known)
    const done = this.#done.get(`${registry} ${digest}`) ?? []
    return [...done, ...((await known).get(digest) ?? [])].find((other) => other !== repository)
  }

  async #look(registry: string): Promise<ReadonlyMap<Digest, ReadonlySet<string>>> {
    const repositories = new Map<Digest, Set<string>>()
    for (const { reference, descriptor } of this.#entries) {
      const from = fullReferenceIn(reference)
      if (from?.registry !== registry) continue
      const { digests } = await closureOf(descriptor, this.#read)
      for (const digest of digests) {
        repositories.set(digest, (repositories.get(digest) ?? new Set()).add(from.repository))
      }
    }
    return repositories
  }
}
