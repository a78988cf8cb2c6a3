/** Question: what does receiving a large body cost, with undici's own sockets and with ours that reuse one buffer? */

import { buildLeanConnector } from '../../src/registry/http-lean-socket.js'
import { Agent, buildConnector } from '../../src/registry/http-undici.js'
import { spawnRegistry } from '../../test/support/spawn-registry.js'
import { benchArguments } from '../support/arguments.js'
import { median } from '../support/measure.js'
import { reportFigures } from '../support/report.js'

const MIB = 1024 * 1024
const { rounds, quick } = benchArguments({ rounds: 5, quickRounds: 1 })
const size = quick ? 64 : 1024

const registry = await spawnRegistry({
  images: [{ repository: 'bench/large', tag: 'v1', layers: [{ bytes: size * MIB, streamed: true }] }],
})
const layer = await largestLayer()
const sides = { stock: buildConnector({}), lean: buildLeanConnector({}) }
const runs = new Map<string, { readonly seconds: number; readonly cpuSeconds: number }[]>()
for (let round = 0; round <= rounds; round++) {
  for (const [name, connect] of Object.entries(sides)) {
    const agent = new Agent({ connect, pipelining: 1 })
    const [cpu, start] = [process.cpuUsage(), performance.now()]
    await receive(agent)
    const { user, system } = process.cpuUsage(cpu)
    const run = { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 }
    if (round > 0) runs.set(name, [...(runs.get(name) ?? []), run])
    await agent.close()
  }
}
await registry.stop()
const figures = [...runs].map(([name, own]) => ({
  name,
  n: own.length,
  seconds: median(own.map((run) => run.seconds)),
  cpuSeconds: median(own.map((run) => run.cpuSeconds)),
}))
reportFigures('registry/lean-socket', `${size} MiB received, and nothing done with it`, figures)

async function largestLayer(): Promise<string> {
  const answer = await fetch(`http://${registry.host}/v2/bench/large/manifests/v1`)
  const { layers } = (await answer.json()) as { readonly layers: readonly { readonly digest: string }[] }
  return layers[0]?.digest ?? ''
}

function receive(agent: InstanceType<typeof Agent>): Promise<void> {
  const request = { origin: `http://${registry.host}`, path: `/v2/bench/large/blobs/${layer}`, method: 'GET' } as const
  return new Promise((resolve, reject) => {
    agent.dispatch(request, {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => resolve(),
      onResponseError: (_, error) => reject(error),
    })
  })
}
