/** Question: which library should hash which algorithm? */
import { createHash } from 'node:crypto'
import { createBLAKE3, createSHA256, createSHA512 } from 'hash-wasm'
import { benchArguments } from '../support/arguments.js'
import { median } from '../support/measure.js'
import { reportFigures } from '../support/report.js'

const MIB = 1024 * 1024
const { rounds, quick } = benchArguments({ rounds: 5, quickRounds: 1 })
const chunk = new Uint8Array(256 * 1024).fill(7)
const bytes = (quick ? 16 : 256) * MIB

interface Candidate {
  readonly name: string
  open(): Promise<{ update(bytes: Uint8Array): unknown }>
}

const candidates: readonly Candidate[] = [
  { name: 'sha256 node:crypto', open: async () => createHash('sha256') },
  { name: 'sha256 hash-wasm', open: () => createSHA256() },
  { name: 'sha512 node:crypto', open: async () => createHash('sha512') },
  { name: 'sha512 hash-wasm', open: () => createSHA512() },
  { name: 'blake3 hash-wasm', open: () => createBLAKE3() },
]

const speeds = new Map<string, number[]>(candidates.map(({ name }) => [name, []]))
for (let round = 0; round <= rounds; round++) {
  for (const { name, open } of candidates) {
    const hasher = await open()
    const start = performance.now()
    for (let done = 0; done < bytes; done += chunk.length) hasher.update(chunk)
    const seconds = (performance.now() - start) / 1000
    if (round > 0) speeds.get(name)?.push(bytes / MIB / seconds)
  }
}
const figures = [...speeds].map(([name, runs]) => ({ name, n: runs.length, mibPerSecond: Math.round(median(runs)) }))
reportFigures('oci/hash', 'Speed of hashing', figures)
