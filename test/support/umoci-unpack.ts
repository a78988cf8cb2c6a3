import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isHearthError } from '../../src/errors.js'
import { flattened } from './flattened.js'
import { archived, extract, type FileFacts, factsOf } from './gnu-tar.js'
import { runTool } from './interop.js'
import { aStack, aTar, gzipLayer, type LayerEntry, plainLayer, type Stack } from './layer-entries.js'
import { writeLayout } from './write-layout.js'

/** What umoci writes where it forgets a time; nothing here is made as late. */
const LATE = 1_700_000_000

/** What a stack is as files: by hearth's archive, unpacked by GNU tar, and by umoci. Undefined when it cannot be unpacked. */
export interface TwoViews {
  readonly ours: ReadonlyMap<string, FileFacts> | undefined
  readonly umocis: ReadonlyMap<string, FileFacts> | undefined
}

/** A stack of layers, every other one of them compressed. */
export async function stackOf(layers: readonly (readonly LayerEntry[])[]): Promise<Stack> {
  const tars = await Promise.all(layers.map((entries) => aTar(entries)))
  return await aStack(tars.map((tar, at) => (at % 2 === 0 ? gzipLayer(tar) : plainLayer(tar))))
}

/** Unpacks in a folder below `parent`, as root, because owners and devices count. */
export async function twoViews(stack: Stack, parent: string): Promise<TwoViews> {
  const folder = await mkdtemp(join(parent, 'stack-'))
  try {
    const ours = await viewOfHearth(stack, join(folder, 'ours'))
    return { ours, umocis: await viewOfUmoci(stack, folder) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function viewOfHearth(stack: Stack, folder: string): Promise<TwoViews['ours']> {
  await mkdir(folder)
  let tar: Buffer
  try {
    tar = await flattened(stack)
  } catch (error) {
    if (isHearthError(error, 'LAYER_INVALID')) return undefined
    throw error
  }
  await extract(tar, folder)
  return await factsOf(await archived(folder))
}

async function viewOfUmoci({ root, blobs }: Stack, folder: string): Promise<TwoViews['umocis']> {
  const layout = join(folder, 'layout')
  await mkdir(layout)
  const image = { root, blobs, streamed: new Map(), manifests: new Map(), platforms: new Map() }
  await writeLayout(layout, [{ name: 'stack', image }])
  try {
    await runTool('umoci', 'unpack', '--image', `${layout}:stack`, join(folder, 'bundle'))
  } catch (error) {
    // It ended by itself, with an error: not killed, not missing.
    if (typeof (error as { code?: unknown }).code === 'number') return undefined
    throw error
  }
  return await factsOf(await archived(join(folder, 'bundle', 'rootfs')))
}

/**
 * umoci keeps the time of a folder in which it makes something, but not of one in which it makes folders that no entry
 * describes, nor of these. Times of folders that are the clock's are not compared; all else is.
 */
export function timeless(
  facts: ReadonlyMap<string, FileFacts>,
  other: ReadonlyMap<string, FileFacts>,
): Map<string, FileFacts> {
  return new Map(
    [...facts].map(([path, fact]) => {
      const found = other.get(path)
      const forgotten = fact.type === '5' && (Number(fact.mtime) > LATE || Number(found?.mtime) > LATE)
      return [path, forgotten ? { ...fact, mtime: 'forgotten' } : fact]
    }),
  )
}
