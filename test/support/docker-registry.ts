import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { findTool } from './interop.js'
import { LOOPBACK_CERTIFICATE_PATH } from './loopback-certificate.js'
import { startTokenServer, type TokenServer } from './token-server.js'

export interface DockerRegistryOptions {
  /** Default `none`. The one user is {@link USERNAME} with {@link PASSWORD}; with `token` everybody may pull. */
  readonly auth?: 'none' | 'htpasswd' | 'token'
  readonly tokenExpiresInSeconds?: number
}

export interface DockerRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string
  /** Lines of its access log so far, as `GET /v2/… 200`, oldest first. */
  requests(): Promise<readonly string[]>
  /** Where tokens come from, with `auth: 'token'`. */
  readonly tokens: TokenServer | undefined
  /** Stops the process and removes its folder. Idempotent. */
  close(): Promise<void>
}

export const USERNAME = 'tester'
export const PASSWORD = 'correct horse'
/** bcrypt is all that docker-registry takes, and Node has none: made by `htpasswd -nbB tester 'correct horse'`. */
const HTPASSWD = 'tester:$2y$05$GVoVin9mzuUScu5HSQER.eH8UAIeeSzyBmePXqlD2WSUFfeYciwqe\n'

const ATTEMPTS = 5
const READY_MS = 10_000

/** Debian's docker-registry on the loopback address, with storage of its own. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-docker-registry-'))
  const tokens =
    options.auth === 'token'
      ? await startTokenServer({
          username: USERNAME,
          password: PASSWORD,
          ...(options.tokenExpiresInSeconds !== undefined && { expiresInSeconds: options.tokenExpiresInSeconds }),
        })
      : undefined
  const release = async (): Promise<void> => {
    await tokens?.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const running = await startProcess(folder, await authBlock(folder, options.auth ?? 'none', tokens))
    return {
      host: running.host,
      requests: () => accessLog(running),
      tokens,
      close: async () => {
        await stop(running.child)
        await release()
      },
    }
  } catch (error) {
    await release()
    throw error
  }
}

interface Running {
  readonly child: ChildProcess
  readonly host: string
  output(): string
  /** Resolves when the process has written this. */
  wrote(text: string): Promise<void>
}

/** docker-registry cannot choose a port itself: a free one is tried, and another when somebody was faster. */
async function startProcess(folder: string, auth: string): Promise<Running> {
  const program = findTool('docker-registry')
  if (program === undefined) throw new Error('docker-registry is not installed: mark the test with interop()')
  await mkdir(join(folder, 'storage'))
  for (let attempt = 1; ; attempt++) {
    const host = `127.0.0.1:${await freePort()}`
    const config = join(folder, 'config.yml')
    await writeFile(config, configOf({ host, storage: join(folder, 'storage'), auth }))
    const child = spawn(program, ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] })
    const running = { child, host, ...outputOf(child) }
    if (await isReady(child, host)) return running
    await stop(child)
    if (attempt === ATTEMPTS || !running.output().includes('address already in use')) {
      throw new Error(`docker-registry did not start: ${running.output().slice(-2000)}`)
    }
  }
}

function configOf({ host, storage, auth }: { readonly host: string; readonly storage: string; readonly auth: string }) {
  return `version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: ${storage}}, delete: {enabled: true}}
http: {addr: ${host}}
${auth}`
}

async function authBlock(folder: string, auth: 'none' | 'htpasswd' | 'token', tokens?: TokenServer): Promise<string> {
  if (auth === 'htpasswd') {
    const path = join(folder, 'htpasswd')
    await writeFile(path, HTPASSWD)
    return `auth: {htpasswd: {realm: hearth test, path: ${path}}}\n`
  }
  if (tokens === undefined) return ''
  const { realm, service, issuer } = tokens
  return `auth: {token: {realm: "${realm}", service: ${service}, issuer: ${issuer}, rootcertbundle: ${LOOPBACK_CERTIFICATE_PATH}}}\n`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Whether the registry answers, in time, and before the process ends. Any status will do: 401 is an answer. */
async function isReady(child: ChildProcess, host: string): Promise<boolean> {
  const deadline = performance.now() + READY_MS
  while (child.exitCode === null && performance.now() < deadline) {
    if (await answers(host)) return child.exitCode === null
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return false
}

function answers(host: string, path = '/v2/'): Promise<boolean> {
  return new Promise((resolve) => {
    get(`http://${host}${path}`, { agent: false }, (response) => {
      response.resume()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function outputOf({
  stdout,
  stderr,
}: ChildProcessByStdio<null, Readable, Readable>): Pick<Running, 'output' | 'wrote'> {
  let output = ''
  for (const stream of [stdout, stderr]) stream.on('data', (bytes: Buffer) => (output += bytes))
  return {
    output: () => output,
    wrote: async (text) => {
      while (!output.includes(text)) await once(stdout, 'data')
    },
  }
}

/**
 * Its access log is Apache's: `127.0.0.1 - - [date] "GET /v2/ HTTP/1.1" 200 2 "" "agent"`. A line may reach us after the
 * response it is about, so a request of our own is made first: lines before its line are all there when that one is.
 */
async function accessLog({ host, output, wrote }: Running): Promise<string[]> {
  const mark = `/v2/?mark=${randomUUID()}`
  await answers(host, mark)
  await wrote(mark)
  return [...output().matchAll(/^\S+ - \S+ \[[^\]]*\] "(\S+) (\S+) [^"]*" (\d+)/gm)]
    .filter(([, , path]) => !path?.startsWith('/v2/?mark='))
    .map(([, method, path, status]) => `${method} ${path} ${status}`)
}
