import assert from 'node:assert/strict'
import { after } from 'node:test'
import { inspect } from 'node:util'
import { type ErrorCode, type HearthError, isHearthError, toFailure } from '../../src/errors.js'
import type { BuildConnector } from '../../src/registry/http-connect.js'
import { openTransport, type Transport } from '../../src/registry/http-dispatcher.js'
import type { Where } from '../../src/registry/where.js'
import type { TransportOptions } from '../../src/transport.js'

export const WHERE: Where = { host: 'registry.example', step: 'manifest' }

export function transportOptions(overrides: Partial<TransportOptions> = {}): TransportOptions {
  return {
    connectionsPerHost: 4,
    connectTimeoutMs: 5_000,
    headersTimeoutMs: 5_000,
    bodyTimeoutMs: 5_000,
    progressWindowMs: 5_000,
    minBytesPerSecond: 1,
    ca: [],
    insecureHosts: [],
    plainHttpHosts: [],
    proxy: {},
    ...overrides,
  }
}

/** A transport that is destroyed when the surrounding `describe` (or file) ends. */
export function aTransport(overrides: Partial<TransportOptions> = {}, build?: BuildConnector): Transport {
  const transport = openTransport(transportOptions(overrides), build === undefined ? {} : { build })
  after(() => transport.destroy())
  return transport
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<HearthError> {
  try {
    await promise
  } catch (error) {
    if (isHearthError(error)) return error
    throw error
  }
  throw new Error('did not fail')
}

/** Makes sure that a promise rejects with this code, and gives the error. */
export async function fails(promise: Promise<unknown>, code: ErrorCode): Promise<HearthError> {
  const error = await failureOf(promise)
  assert.ok(isHearthError(error, code), `${error.code}: ${error.message}`)
  return error
}

/** Everything that a log or a crash report could show of an error: its data, and itself with all its causes. */
export function everythingIn(error: unknown): string {
  return JSON.stringify(toFailure(error)) + inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })
}
