import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { BufferedFile } from '../blobs/fs-buffered-file.js'
import { guardedAsync } from '../blobs/fs-error.js'
import { syncFolder } from '../blobs/fs-folder.js'
import { HearthError } from '../errors.js'
import { kindOf, targetOf } from '../host/fs-path.js'
import { openPipe } from '../host/fs-pipe.js'
import type { ByteSink, Bytes } from './bytes.js'
import type { PendingOutput } from './export.js'
import type { LayoutTarget } from './layout-files.js'

const OUTPUT = { option: 'output' } as const

/**
 * A file to write an archive to, or standard output for `-`. A file appears under its name when it is whole, in place of an
 * older one; until then it is `<name>.<pid>.<32 hexadecimal digits>` beside it.
 * @throws HearthError OPTION_INVALID for an empty name, for a folder, and for a terminal, which an archive would leave in disorder.
 */
export async function openOutput(output: string, signal?: AbortSignal): Promise<ByteSink & PendingOutput> {
  refuseEmpty(output)
  if (output === '-') return standardOutput()
  const path = resolve(output)
  const kind = await kindAt(path)
  if (kind === 'folder') throw new HearthError('OPTION_INVALID', `${output} is a folder`, { path })
  if (kind === 'pipe') return await toPipe(path, signal)
  if (kind === 'special') return special(await BufferedFile.openSpecial(path))
  return await replacing(await targetAt(path))
}

/**
 * A folder to write an image layout to. Appears under its name when it is whole.
 * @throws HearthError OPTION_INVALID when there is something already: what a folder holds is not taken away; for an empty name, and
 *   for `-`, which stands for standard output.
 */
export async function openLayoutFolder(output: string): Promise<LayoutTarget & PendingOutput> {
  refuseEmpty(output)
  if (output === '-') throw new HearthError('OPTION_INVALID', 'a folder cannot go to standard output', OUTPUT)
  const path = await targetAt(resolve(output))
  if (!(await isFree(path))) {
    throw new HearthError('OPTION_INVALID', `${output} is there already; name a new folder, or an empty one`, { path })
  }
  const temporary = temporaryOf(path)
  const folders = new Set([temporary])
  await makeFolder(temporary)
  return {
    async add(name: string, _size: number, content: Bytes | Uint8Array) {
      await ensureFolders(dirname(name), temporary, folders)
      await writeFile(join(temporary, name), content)
    },
    async finish() {
      for (const folder of [...folders].reverse()) await syncFolder(folder)
      await guardedAsync({ step: 'rename', path }, () => rename(temporary, path))
      await syncFolder(dirname(path))
    },
    abandon: () => remove(temporary),
  }
}

/** A variable that was not set, and not the current folder. */
function refuseEmpty(output: string): void {
  if (output === '') throw new HearthError('OPTION_INVALID', 'the name of what is to be written is empty', OUTPUT)
}

async function ensureFolders(name: string, root: string, folders: Set<string>): Promise<void> {
  const path = join(root, name)
  if (folders.has(path)) return
  await ensureFolders(dirname(name), root, folders)
  await makeFolder(path)
  folders.add(path)
}

async function writeFile(path: string, content: Bytes | Uint8Array): Promise<void> {
  const file = await BufferedFile.create(path, 0o644)
  try {
    if (content instanceof Uint8Array) await file.write(content)
    else for await (const chunk of content) await file.write(chunk)
    await file.seal()
  } finally {
    await file.abandon()
  }
}

async function replacing(path: string): Promise<ByteSink & PendingOutput> {
  const temporary = temporaryOf(path)
  const file = await BufferedFile.create(temporary, 0o644)
  return {
    write: (chunk) => file.write(chunk),
    async finish() {
      await file.seal()
      await guardedAsync({ step: 'rename', path }, () => rename(temporary, path))
      await syncFolder(dirname(path))
    },
    async abandon() {
      await file.abandon()
      await remove(temporary)
    },
  }
}

/** A device is not replaced by a file, not even by root: it is written to as it is. */
function special(file: BufferedFile): ByteSink & PendingOutput {
  return {
    write: (chunk) => file.write(chunk),
    finish: () => file.seal({ durability: 'relaxed' }),
    abandon: () => file.abandon(),
  }
}

function standardOutput(): ByteSink & PendingOutput {
  const { stdout } = process
  if (stdout.isTTY)
    throw new HearthError('OPTION_INVALID', 'an archive is not for a terminal: name a file with --outfile')
  return { write: (chunk) => writeTo(stdout, chunk), finish: async () => {}, abandon: async () => {} }
}

/** A stop ends the wait for a reader, and that for one who has stopped reading. */
async function toPipe(path: string, signal?: AbortSignal): Promise<ByteSink & PendingOutput> {
  const pipe = await guardedAsync({ step: 'open', path }, () => openPipe(path, signal))
  if (pipe === undefined) throw stopped()
  // Whoever writes hears of what goes wrong.
  pipe.on('error', () => {})
  const stop = (): void => void pipe.destroy()
  signal?.addEventListener('abort', stop, { once: true })
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', stop)
    pipe.destroy()
  }
  const write = async (chunk: Uint8Array): Promise<void> => {
    try {
      await writeTo(pipe, chunk)
    } catch (error) {
      throw signal?.aborted ? stopped() : error
    }
  }
  return { write, finish: close, abandon: close }
}

function stopped(): HearthError {
  return new HearthError('ABORTED', 'stopped on request')
}

/** Resolves when all of it is taken. */
function writeTo(stream: NodeJS.WritableStream, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => {
      if (!error) return resolve()
      const errno = (error as NodeJS.ErrnoException).code ?? ''
      reject(new HearthError('STORE_FAILED', `cannot write the archive: ${errno}`, { errno }, error))
    })
  })
}

function kindAt(path: string): ReturnType<typeof kindOf> {
  return guardedAsync({ step: 'read', path }, () => kindOf(path))
}

function targetAt(path: string): Promise<string> {
  return guardedAsync({ step: 'read', path }, () => targetOf(path))
}

async function isFree(path: string): Promise<boolean> {
  const kind = await kindAt(path)
  if (kind !== 'folder') return kind === 'none'
  return (await guardedAsync({ step: 'read', path }, () => readdir(path))).length === 0
}

async function makeFolder(path: string): Promise<void> {
  await guardedAsync({ step: 'mkdir', path }, () => mkdir(path, { mode: 0o755 }))
}

async function remove(path: string): Promise<void> {
  await guardedAsync({ step: 'remove', path }, () => rm(path, { recursive: true, force: true }))
}

function temporaryOf(path: string): string {
  const random = globalThis.crypto.randomUUID().replaceAll('-', '')
  return join(dirname(path), `${basename(path)}.${process.pid}.${random}`)
}
