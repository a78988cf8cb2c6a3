import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, isHearthError } from '../../src/errors.js'
import { HttpRegistry } from '../../src/registry/http-registry.js'
import { MemoryCredentials } from '../../src/registry/memory-credentials.js'
import { type Heard, type Reply, startServer, type TestServer } from './support-server.js'
import { aTransport } from './support-wire.js'

const tagsOf = (server: TestServer): Promise<readonly string[]> => {
  const registry = new HttpRegistry({ transport: aTransport(), credentials: new MemoryCredentials() })
  return registry.tags({ registry: server.host, repository: 'team/app' })
}
const page = (tags: readonly string[], next?: string): Reply => ({
  body: JSON.stringify({ name: 'team/app', tags }),
  ...(next !== undefined && { headers: { link: `<${next}>; rel="next"` } }),
})
const fails = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isHearthError(error, code) && error.details.step === 'tags')
const lastOf = ({ path }: Heard): number => Number(new URL(path, 'http://x').searchParams.get('last') ?? 0)

describe('the tags of a repository', () => {
  it('are asked for in large pages', async () => {
    const server = await startServer(() => page(['1', '2']))
    assert.deepEqual(await tagsOf(server), ['1', '2'])
    assert.deepEqual(
      server.heard.map(({ method, path }) => `${method} ${path}`),
      ['GET /v2/team/app/tags/list?n=1000'],
    )
  })

  it('come from all pages, each once', async () => {
    const server = await startServer((request) => {
      const last = lastOf(request)
      const tags = [`${last}`, `${last + 1}`]
      return page(tags, last < 4 ? `/v2/team/app/tags/list?n=1000&last=${last + 1}` : undefined)
    })
    assert.deepEqual(await tagsOf(server), ['0', '1', '2', '3', '4', '5'])
    assert.equal(server.heard.length, 5)
  })

  it('end at a page that was there before', async () => {
    const server = await startServer(({ path }) => page(['1'], path.includes('b') ? 'list?a' : 'list?b'))
    await fails(tagsOf(server), 'PROTOCOL_ERROR')
    assert.equal(server.heard.length, 3)
  })

  it('end after a thousand pages', async () => {
    const server = await startServer((request) => page(['1'], `list?last=${lastOf(request) + 1}`))
    await fails(tagsOf(server), 'PROTOCOL_ERROR')
    assert.equal(server.heard.length, 1000)
  })

  it('are not asked for on another origin', async () => {
    const elsewhere = await startServer(() => page(['2']))
    const server = await startServer(() => page(['1'], `${elsewhere.url}/v2/team/app/tags/list`))
    await fails(tagsOf(server), 'PROTOCOL_ERROR')
    assert.equal(elsewhere.heard.length, 0)
  })

  it('are asked for with what the registry demands, on each page', async () => {
    const server = await startServer((request) => {
      const isSigned = request.headers.authorization === `Basic ${Buffer.from('me:secret').toString('base64')}`
      if (!isSigned) return { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
      return lastOf(request) === 0 ? page(['1'], 'list?last=1') : page(['2'])
    })
    const credentials = new MemoryCredentials({ [server.host]: { kind: 'basic', username: 'me', password: 'secret' } })
    const registry = new HttpRegistry({ transport: aTransport(), credentials })
    assert.deepEqual(await registry.tags({ registry: server.host, repository: 'team/app' }), ['1', '2'])
    await fails(tagsOf(server), 'UNAUTHORIZED')
  })

  it('are missing where the repository is', async () => {
    await fails(tagsOf(await startServer(() => ({ status: 404 }))), 'NAME_UNKNOWN')
  })
})
