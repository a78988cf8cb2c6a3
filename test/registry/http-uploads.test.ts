import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import type { Credential } from '../../src/registry/credentials.js'
import type { HttpRegistry } from '../../src/registry/http-registry.js'
import type { UploadBody, UploadSession } from '../../src/registry/uploads.js'
import { uploadsContract } from '../contract/uploads.contract.js'
import { errorAnswer } from '../support/raw-answer.js'
import { type RawRegistry, type RawRegistryOptions, startRawRegistry } from '../support/raw-registry.js'
import { redirect, respond, tooManyRequests, withHeaders } from '../support/raw-steps.js'
import { aClient } from './support-auth.js'

const BYTES = Buffer.from('these bytes are to be pushed')
const DIGEST = await digestBytes(BYTES)
const USER: Credential = { kind: 'basic', username: 'canary', password: 'canary-pass' }

async function start(options: RawRegistryOptions = {}): Promise<RawRegistry> {
  const registry = await startRawRegistry({ uploads: {}, ...options })
  after(() => registry.close())
  return registry
}

function clientOf({ host }: RawRegistry, known = true): HttpRegistry {
  const client = aClient(known ? { [host]: USER } : {})
  after(() => client.close())
  return client
}

const whole: UploadBody = {
  size: BYTES.length,
  async *open() {
    yield BYTES.subarray(0, 10)
    yield BYTES.subarray(10)
  },
}

const SERVED = await start()
const CLIENT = clientOf(SERVED)
uploadsContract('HttpUploads', async () => ({ registry: CLIENT, host: SERVED.host }))

describe('an upload over HTTP', () => {
  async function opened(
    options: RawRegistryOptions = {},
  ): Promise<{ registry: RawRegistry; client: HttpRegistry; session: UploadSession }> {
    const registry = await start(options)
    const client = clientOf(registry)
    const session = await client.uploads.begin({ registry: registry.host, repository: 'a' }, { digest: DIGEST })
    return { registry, client, session: session ?? assert.fail() }
  }

  it('asks for one token to read and write, and keeps it', async () => {
    const { registry, client, session } = await opened({ auth: { kind: 'bearer', ...basic(USER) } })
    await client.uploads.finish(await client.uploads.append(session, whole), DIGEST)
    assert.ok(await client.uploads.has({ registry: registry.host, repository: 'a' }, DIGEST))
    const tokens = registry.requestsFor({ kind: 'token' })
    assert.deepEqual(
      tokens.map(({ query }) => query.getAll('scope')),
      [['repository:a:pull,push']],
    )
  })

  it('asks to read the repository that it mounts from as well', async () => {
    const registry = await start({ auth: { kind: 'bearer', ...basic(USER) } })
    const client = clientOf(registry)
    await client.uploads.begin({ registry: registry.host, repository: 'a' }, { digest: DIGEST, mountFrom: 'b' })
    const [token] = registry.requestsFor({ kind: 'token' })
    assert.deepEqual(token?.query.getAll('scope'), ['repository:a:pull,push', 'repository:b:pull'])
    const [mount] = registry.requestsFor({ kind: 'upload' }).filter(({ headers }) => headers.authorization)
    assert.deepEqual([mount?.query.get('mount'), mount?.query.get('from')], [DIGEST, 'b'])
  })

  it('sends a piece again, from its first byte, when its token has expired', async () => {
    const { registry, client, session } = await opened({ auth: { kind: 'bearer', ...basic(USER) } })
    registry.auth?.revoke()
    await client.uploads.finish(await client.uploads.append(session, whole), DIGEST)
    const statuses = registry.requestsFor({ kind: 'upload', method: 'PATCH' }).map(({ body }) => body)
    assert.deepEqual(statuses, [`${BYTES}`, `${BYTES}`])
  })

  it('shows no credentials where it is sent on another origin, whatever is asked there', async () => {
    const other = await start({ auth: { kind: 'basic', ...basic(USER) } })
    const registry = await start({ auth: { kind: 'basic', ...basic(USER) } })
    registry.script({ kind: 'upload' }, respond(401, { 'WWW-Authenticate': 'Basic realm="x"' }))
    registry.script({ kind: 'upload' }, withHeaders({ Location: `${other.url}/v2/a/blobs/uploads/1?signed=secret` }))
    const client = clientOf(registry)
    const session = await client.uploads.begin({ registry: registry.host, repository: 'a' }, { digest: DIGEST })
    assert.equal(session?.foreign, true)
    await rejects(client.uploads.append(session ?? assert.fail(), whole), 'DENIED')
    await rejects(client.uploads.finish(session ?? assert.fail(), DIGEST, { last: whole }), 'DENIED')
    assert.deepEqual(
      other.requests.map(({ headers }) => headers.authorization),
      [undefined, undefined],
    )
  })

  it('goes back to the registry without credentials when the other origin sends it there', async () => {
    const { registry, client, session } = await opened({ auth: { kind: 'basic', ...basic(USER) } })
    const foreign = { ...session, foreign: true }
    await rejects(client.uploads.append(foreign, whole), 'DENIED')
    assert.equal(registry.requestsFor({ method: 'PATCH' })[0]?.headers.authorization, undefined)
  })

  for (const [what, location] of [
    ['of another scheme', 'file:///etc/passwd'],
    ['with user information', 'http://user:pass@127.0.0.1/'],
    ['on the link of the machine', 'http://169.254.169.254/latest'],
    ['that is none', undefined],
  ] as const) {
    it(`refuses a location ${what}`, async () => {
      const registry = await start()
      registry.script({ kind: 'upload' }, withHeaders({ Location: location }))
      const place = { registry: registry.host, repository: 'a' }
      await rejects(clientOf(registry).uploads.begin(place, { digest: DIGEST }), 'REDIRECT_REFUSED')
    })
  }

  it('does not follow a redirect with a body', async () => {
    const { registry, client, session } = await opened()
    const other = await start()
    registry.refuse({ method: 'PATCH' }, redirect(`${other.url}/elsewhere`))
    await rejects(client.uploads.append(session, whole), 'PROTOCOL_ERROR')
    assert.deepEqual(other.requests, [])
  })

  it('says how much of a piece was taken, and refuses a range that cannot be', async () => {
    const { registry, client, session } = await opened()
    registry.script(
      { method: 'PATCH' },
      withHeaders({ Range: '0-4' }),
      withHeaders({ Range: '0-9999' }),
      withHeaders({ Range: 'five' }),
    )
    assert.equal((await client.uploads.append(session, whole)).offset, 5)
    for (let times = 0; times < 2; times++) {
      const current = await client.uploads.status(session)
      await rejects(client.uploads.append(current, whole), 'RANGE_INVALID')
    }
    registry.script({ method: 'GET' }, withHeaders({ Range: undefined }))
    await rejects(client.uploads.status(session), 'RANGE_INVALID')
  })

  it('takes a registry that repeats neither location nor range at its word', async () => {
    const { registry, client, session } = await opened()
    registry.script({ method: 'PATCH' }, withHeaders({ Location: undefined, Range: undefined }))
    const next = await client.uploads.append(session, whole)
    assert.deepEqual([next.url, next.offset], [session.url, BYTES.length])
    await client.uploads.finish(next, DIGEST)
  })

  it('knows the least that a piece may have', async () => {
    const { session } = await opened({ uploads: { minPieceBytes: 5_000_000 } })
    assert.equal(session.minPieceBytes, 5_000_000)
  })

  it('passes on what a registry says of its pace, and of bodies that are too large', async () => {
    const { registry, client, session } = await opened()
    registry.refuse({ method: 'PATCH' }, tooManyRequests(7), respond(413))
    await assert.rejects(client.uploads.append(session, whole), (error) => {
      return isHearthError(error, 'TOOMANYREQUESTS') && error.details.retryAfterMs === 7000
    })
    await rejects(client.uploads.append(session, whole), 'UNSUPPORTED')
  })

  it('opens a plain upload where a mount is refused', async () => {
    const registry = await start()
    registry.refuse({ kind: 'upload' }, respond(405))
    const place = { registry: registry.host, repository: 'a' }
    assert.ok(await clientOf(registry).uploads.begin(place, { digest: DIGEST, mountFrom: 'b' }))
    assert.deepEqual(
      registry.requests.map(({ query }) => query.get('mount')),
      [DIGEST, null],
    )
  })

  it('opens a plain upload where nobody may read what it would mount', async () => {
    const place = (registry: RawRegistry) => ({ registry: registry.host, repository: 'a' })
    const tokens = await start({ auth: { kind: 'bearer', ...basic(USER) } })
    // As a token service does that refuses all of what is asked for because of a part of it.
    tokens.always({ kind: 'token' }, (answer, { request }) =>
      request.query.getAll('scope').length > 1 ? errorAnswer(403, 'DENIED') : answer,
    )
    assert.ok(await clientOf(tokens).uploads.begin(place(tokens), { digest: DIGEST, mountFrom: 'b' }))
    const registry = await start({ auth: { kind: 'basic', ...basic(USER) } })
    registry.refuse({ kind: 'upload' }, respond(401, { 'WWW-Authenticate': 'Basic realm="b"' }))
    const client = clientOf(registry)
    assert.equal(await client.uploads.has(place(registry), DIGEST), false)
    assert.ok(await client.uploads.begin(place(registry), { digest: DIGEST, mountFrom: 'b' }))
  })

  it('passes on why a body could not be read to its end', async () => {
    const { registry, client, session } = await opened()
    const damaged: UploadBody = {
      size: BYTES.length,
      // biome-ignore lint/correctness/useYield: it fails before there is anything.
      async *open() {
        throw new RangeError('the disk is gone')
      },
    }
    await assert.rejects(client.uploads.append(session, damaged), /upload/)
    assert.equal((await client.uploads.status(session)).offset, 0)
    assert.ok(registry.connections.opened >= 1)
  })
})

function basic(credential: Credential): { username: string; password: string } {
  if (credential.kind !== 'basic') assert.fail()
  return { username: credential.username, password: credential.password }
}

function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => isHearthError(error, code) || assert.fail(error as Error))
}
