import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { anImage } from './an-image.js'
import { type Asked, ask } from './ask.js'
import { type RawRegistry, startRawRegistry } from './raw-registry.js'
import * as steps from './raw-steps.js'

const IMAGE = await anImage({ layers: [{ bytes: 10_000 }] })
const [LAYER] = IMAGE.platforms.get('linux/amd64')?.layers ?? []
const BYTES = Buffer.from((LAYER && IMAGE.blobs.get(LAYER.digest)) ?? [])

describe('a scripted answer', () => {
  let registry: RawRegistry
  let url: string
  before(async () => {
    registry = await startRawRegistry()
    registry.add(IMAGE, 'app', '1')
    url = `${registry.url}/v2/app/blobs/${LAYER?.digest}`
  })
  after(() => registry.close())

  function askScripted(step: steps.Step, range?: string): Promise<Asked> {
    registry.script({ kind: 'blob' }, step)
    return ask(url, range === undefined ? {} : { headers: { Range: range } })
  }

  it('is used once, in order, and then the answers are right again', async () => {
    registry.script({ kind: 'blob' }, steps.fail(503, 'UNAVAILABLE'), steps.normal(), steps.tooManyRequests(7))
    const [first, second, third, fourth] = [await ask(url), await ask(url), await ask(url), await ask(url)]
    assert.deepEqual([first.status, second.status, third.status, fourth.status], [503, 200, 429, 200])
    assert.equal(third.headers['retry-after'], '7')
  })

  it('stands for ever when told so, and only for the requests it is meant for', async () => {
    registry.always({ method: 'GET', path: /\/other\//, range: true }, steps.respond(418))
    const other = `${registry.url}/v2/other/blobs/x`
    assert.equal((await ask(other, { headers: { Range: 'bytes=0-' } })).status, 418)
    assert.equal((await ask(other, { headers: { Range: 'bytes=0-' } })).status, 418)
    assert.equal((await ask(other)).status, 404)
  })

  it('never has a body when the request was a HEAD', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (const step of [steps.fail(500, 'UNKNOWN'), steps.captivePortal()]) {
      registry.script({ method: 'HEAD' }, step)
      assert.equal((await ask(url, { method: 'HEAD', agent })).body.length, 0)
    }
    assert.equal((await ask(url, { agent })).status, 200)
    agent.destroy()
  })

  it('may be any bytes', async () => {
    await assert.rejects(askScripted(steps.raw('SSH-2.0-OpenSSH\r\n')), { code: 'HPE_INVALID_CONSTANT' })
    assert.equal((await askScripted(steps.raw('HTTP/1.1 204 Gone for tea\r\n\r\n'))).status, 204)
  })

  it('may end in a reset, a FIN, or before it began', async () => {
    await assert.rejects(askScripted(steps.resetAtOnce()), { code: 'ECONNRESET' })
    // A reset may overtake what was sent before it, the headers too: it depends on the version of Node.
    const reset = await askScripted(steps.resetAfter(100)).catch((error) => ({ broken: error.code, body: [] }))
    assert.equal(reset.broken, 'ECONNRESET')
    assert.ok(reset.body.length <= 100)
    const fin = await askScripted(steps.finAfter(100))
    assert.deepEqual([fin.broken, fin.body], ['ECONNRESET', BYTES.subarray(0, 100)])
  })

  it('may wait for the test before it starts, and in the middle', async () => {
    const { promise, resolve } = withResolvers()
    const late = askScripted(steps.delayed(promise))
    const stalled = askScripted(steps.stallAfter(500, promise))
    assert.equal(await Promise.race([late, stalled, ask(url).then(() => 'neither')]), 'neither')
    resolve()
    assert.deepEqual([(await late).body, (await stalled).body], [BYTES, BYTES])
  })

  it('may fall silent', async () => {
    const controller = new AbortController()
    registry.script({ kind: 'blob' }, steps.hangAfter(100))
    const response = await fetch(url, { signal: controller.signal })
    const reader = response.body?.getReader()
    assert.deepEqual(Buffer.from((await reader?.read())?.value ?? []), BYTES.subarray(0, 100))
    controller.abort()
    await assert.rejects(reader?.read() ?? Promise.resolve(), { name: 'AbortError' })
  })

  it('may come in small steps', async () => {
    const { headers, body } = await askScripted(steps.trickle(3000, 1))
    assert.deepEqual([headers['content-length'], body], [String(BYTES.length), BYTES])
  })

  it('may lie about ranges', async () => {
    const wrong = await askScripted(steps.contentRange('bytes 0-9/10'), 'bytes=10-')
    assert.deepEqual([wrong.status, wrong.headers['content-range']], [206, 'bytes 0-9/10'])
    const without = await askScripted(steps.contentRange(undefined), 'bytes=10-')
    assert.deepEqual([without.status, without.headers['content-range']], [206, undefined])
    const ignored = await askScripted(steps.ignoreRange(), 'bytes=10-')
    assert.deepEqual([ignored.status, ignored.body], [200, BYTES])
  })

  it('may lie about its length', async () => {
    const less = await askScripted(steps.all(steps.contentLength(BYTES.length + 5), steps.finAfter(BYTES.length)))
    assert.deepEqual([less.body, less.broken], [BYTES, 'ECONNRESET'])
    const long = await askScripted(steps.longer(5))
    assert.deepEqual([long.body.length, long.headers['content-length']], [BYTES.length + 5, String(BYTES.length + 5)])
    // node:http takes what follows the announced length for the next response.
    await assert.rejects(askScripted(steps.contentLength(10)), { code: 'HPE_INVALID_CONSTANT' })
    await assert.rejects(askScripted(steps.surplus(5)), { code: 'HPE_INVALID_CONSTANT' })
  })

  it('may hold a wrong byte, in the right place also of a range', async () => {
    const whole = await askScripted(steps.wrongByte(7))
    assert.deepEqual(
      [...whole.body].flatMap((byte, at) => (byte === BYTES[at] ? [] : [at])),
      [7],
    )
    const part = await askScripted(steps.wrongByte(0), 'bytes=10-')
    assert.notEqual(part.body[0], BYTES[10])
    assert.deepEqual(part.body.subarray(1), BYTES.subarray(11))
  })

  it('may be chunked, whole or cut off', async () => {
    const whole = await askScripted(steps.chunked())
    assert.deepEqual([whole.headers['content-length'], whole.body], [undefined, BYTES])
    const cut = await askScripted(steps.all(steps.chunked(), steps.finAfter(10)))
    assert.deepEqual([cut.broken, cut.body], ['ECONNRESET', BYTES.subarray(0, 10)])
  })

  it('may be HTTP/1.0, which ends with its connection', async () => {
    const whole = await askScripted(steps.http10())
    assert.deepEqual([whole.headers['content-length'], whole.body, whole.broken], [undefined, BYTES, undefined])
    const cut = await askScripted(steps.all(steps.http10(), steps.finAfter(10)))
    assert.deepEqual([cut.body.length, cut.broken], [10, undefined])
  })

  it('may point elsewhere, or ask who is there', async () => {
    const fixed = await askScripted(steps.redirect('https://cdn.example/x?signature=1'))
    assert.deepEqual([fixed.status, fixed.headers.location], [307, 'https://cdn.example/x?signature=1'])
    const computed = await askScripted(steps.redirect(({ digest }) => `/cdn/${digest}`, 302))
    assert.deepEqual([computed.status, computed.headers.location], [302, `/cdn/${LAYER?.digest}`])
    const refused = await askScripted(steps.unauthorized('Basic realm="x"'))
    assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Basic realm="x"'])
  })

  it('may have other headers', async () => {
    const { headers } = await askScripted(steps.withHeaders({ 'ACCEPT-RANGES': undefined, 'Content-Encoding': 'gzip' }))
    assert.deepEqual([headers['accept-ranges'], headers['content-encoding']], [undefined, 'gzip'])
  })
})

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}
