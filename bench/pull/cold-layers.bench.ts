/** Question: how fast does one image with large layers arrive in an empty cache, against the tools that people use? */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnRegistry } from '../../test/support/spawn-registry.js'
import { benchArguments } from '../support/arguments.js'
import { contest, report } from '../support/contest.js'
import { puller } from '../support/contestants.js'

const MIB = 1024 * 1024
const { rounds, quick } = benchArguments({ rounds: 5, quickRounds: 1 })
const scale = quick ? 8 : 1
const SHAPES = [
  { name: '1 layer of 1 GiB', layers: [1024] },
  { name: '8 layers of 96 MiB', layers: Array.from({ length: 8 }, () => 96) },
]

for (const { name, layers } of SHAPES) {
  const registry = await spawnRegistry({
    images: [
      {
        repository: 'bench/large',
        tag: 'v1',
        layers: layers.map((size, at) => ({ seed: `${name}-${at}`, bytes: (size * MIB) / scale, streamed: true })),
      },
    ],
  })
  const folder = await mkdtemp(join(tmpdir(), 'hearth-bench-'))
  try {
    const references = registry.images.map(({ reference }) => reference)
    const standings = await contest(puller({ folder, host: registry.host, references }), rounds)
    report(
      `pull/cold-layers: ${name}`,
      `${name}${quick ? `, all sizes divided by ${scale}` : ''}, loopback registry`,
      standings,
    )
  } finally {
    await registry.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
