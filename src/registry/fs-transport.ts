import { readFile } from 'node:fs/promises'
import { HearthError } from '../errors.js'
import type { TransportOptions } from '../transport.js'

/** The transport's settings before its files and the environment were read. */
export interface TransportSources extends Omit<TransportOptions, 'ca' | 'clientCertificate' | 'proxy'> {
  readonly caFiles: readonly string[]
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Reads certificates and proxy variables once, for all threads.
 * @throws HearthError OPTION_INVALID when a named file cannot be read: going on without it would trust too little or show too little.
 */
export async function readTransport(sources: TransportSources): Promise<TransportOptions> {
  const { caFiles, certFile, keyFile, env, ...limits } = sources
  const ca = await Promise.all(caFiles.map(readPem))
  const clientCertificate =
    certFile !== undefined && keyFile !== undefined
      ? { cert: await readPem(certFile), key: await readPem(keyFile) }
      : undefined
  const http = env.http_proxy || env.HTTP_PROXY
  const https = env.https_proxy || env.HTTPS_PROXY
  const none = env.no_proxy || env.NO_PROXY
  return {
    ...limits,
    ca,
    ...(clientCertificate !== undefined && { clientCertificate }),
    proxy: { ...(http && { http }), ...(https && { https }), ...(none && { none }) },
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new HearthError('OPTION_INVALID', `cannot read ${path}: ${reason}`, { path, reason }, cause)
  }
}
