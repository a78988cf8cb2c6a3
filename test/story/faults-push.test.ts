/** What can go wrong between a cache and the registry that it pushes to. RELIABILITY section 6, seen from the other side. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startRawRegistry } from '../support/raw-registry.js'
import { fail, resetAtOnce, respond, type Step, tooManyRequests, withHeaders } from '../support/raw-steps.js'
import { tempDir } from '../support/temp-dir.js'
import { assertPushed, type PushParts, withPush } from '../support/with-push.js'

const MIB = 1024 * 1024
/** One layer that goes out in a PATCH, not in one request with the end of its upload. */
const LARGE = { image: { layers: [{ bytes: 4.5 * MIB }] } }
const USER = { username: 'canary-user', password: 'canary-pass' }

function layerOf({ image }: PushParts) {
  return image.platforms.get('linux/amd64')?.layers[0] ?? assert.fail()
}

/** Content-Range of every piece that came, in order. */
function piecesOf({ registry }: PushParts): (string | undefined)[] {
  return registry.requestsFor({ kind: 'upload', method: 'PATCH' }).map(({ headers }) => headers['content-range'])
}

async function authFileFor(host: string, password = USER.password): Promise<string> {
  const path = join(await tempDir(), 'auth.json')
  const auth = Buffer.from(`${USER.username}:${password}`).toString('base64')
  await writeFile(path, JSON.stringify({ auths: { [host]: { auth } } }))
  return path
}

describe('a push whose connection breaks', () => {
  it('goes on where the registry says it is', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.breakBody({ method: 'PATCH' }, 2 * MIB)
      await parts.push()
      assertPushed(parts)
      const { size } = layerOf(parts)
      assert.deepEqual(piecesOf(parts), [`0-${size - 1}`, `${2 * MIB}-${size - 1}`])
      assert.equal(parts.registry.requestsFor({ kind: 'upload', method: 'GET' }).length, 1)
      assert.equal(parts.registry.pendingUploads, 0)
    })
  })

  for (const [what, match] of [
    ['before the name is looked up', { kind: 'manifest', method: 'HEAD' }],
    ['when a blob is looked for', { kind: 'blob', method: 'HEAD' }],
    ['when an upload is opened', { kind: 'upload', method: 'POST' }],
    ['in the answer to a piece', { kind: 'upload', method: 'PATCH' }],
    ['in the answer to the end of an upload', { kind: 'upload', method: 'PUT' }],
    ['when a manifest is published', { kind: 'manifest', method: 'PUT' }],
  ] as const) {
    it(`tries again ${what}`, async () => {
      await withPush(LARGE, async (parts) => {
        parts.registry.script(match, resetAtOnce())
        await parts.push()
        assertPushed(parts)
        assert.ok(parts.progress.some(({ type }) => type === 'push-retry'))
      })
    })
  }

  it('gives up after as many fruitless attempts as it was told, with the reason', async () => {
    await withPush({ cache: { retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 } } }, async (parts) => {
      parts.registry.always({ kind: 'upload', method: 'POST' }, resetAtOnce())
      await parts.refused('CONNECTION_LOST')
      assert.equal(parts.registry.repository('team/app').tagged('1.0'), undefined)
    })
  })

  it('begins again where the registry does not go on with an upload', async () => {
    for (const step of [fail(404, 'BLOB_UPLOAD_UNKNOWN'), fail(400, 'BLOB_UPLOAD_INVALID'), respond(404)]) {
      await withPush(LARGE, async (parts) => {
        parts.registry.breakBody({ method: 'PATCH' }, MIB)
        parts.registry.refuse({ kind: 'upload', method: 'GET' }, step)
        await parts.push()
        assertPushed(parts)
        assert.deepEqual(
          piecesOf(parts).map((range) => range?.split('-')[0]),
          ['0', '0'],
        )
      })
    }
  })
})

describe('a push to a registry with troubles of its own', () => {
  const AGAIN: readonly (readonly [string, 'POST' | 'PATCH' | 'PUT', Step])[] = [
    ['a server error', 'POST', fail(503, 'UNAVAILABLE')],
    ['a server error without a word', 'PATCH', respond(500)],
    ['a server error', 'PUT', fail(502, 'UNAVAILABLE')],
    ['a pause', 'PATCH', tooManyRequests(0)],
  ]
  for (const [what, method, step] of AGAIN) {
    it(`goes on after ${what} to ${method}`, async () => {
      await withPush(LARGE, async (parts) => {
        parts.registry.refuse({ kind: 'upload', method }, step)
        parts.registry.refuse({ kind: 'manifest', method: 'PUT' }, step)
        await parts.push()
        assertPushed(parts)
      })
    })
  }

  it('finds what was taken although the answer was an error', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.script({ kind: 'upload', method: 'PATCH' }, fail(502, 'UNKNOWN'))
      parts.registry.script({ kind: 'upload', method: 'PUT' }, fail(502, 'UNKNOWN'), fail(502, 'UNKNOWN'))
      await parts.push()
      assertPushed(parts)
      assert.equal(piecesOf(parts).length, 1)
    })
  })

  it('waits as long as Retry-After says, and no longer than it may', async () => {
    await withPush({}, async (parts) => {
      parts.registry.refuse({ kind: 'upload' }, tooManyRequests(3600))
      const { message } = await parts.refused('TOOMANYREQUESTS')
      assert.match(message, /3600 s/)
    })
  })

  it('sends what is missing when only a part of a piece was taken', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.breakBody({ method: 'PATCH' }, 3 * MIB)
      await parts.push()
      assertPushed(parts)
    })
  })

  it('gives up on a registry that takes nothing of a piece, whatever it answers', async () => {
    await withPush({ ...LARGE, cache: { retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 } } }, async (parts) => {
      parts.registry.alwaysRefuse({ kind: 'upload', method: 'PATCH' }, respond(202, { Range: '0-0' }))
      await parts.refused('RANGE_INVALID')
      assert.equal(piecesOf(parts).length, 3)
    })
  })

  it('begins again when the registry claims to have more than it was sent', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.script({ kind: 'upload', method: 'PATCH' }, withHeaders({ Range: '0-99999999' }))
      await parts.push()
      assertPushed(parts)
    })
  })

  it('asks where it is when a piece is refused for its place', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.refuse({ kind: 'upload', method: 'PATCH' }, respond(416))
      await parts.push()
      assertPushed(parts)
    })
  })

  it('sends smaller pieces where one request must not be that large', async () => {
    await withPush({ image: { layers: [{ bytes: 9 * MIB }] } }, async (parts) => {
      parts.registry.alwaysRefuse({ kind: 'upload', bodyOver: 4 * MIB }, respond(413))
      await parts.push()
      assertPushed(parts)
      const { size } = layerOf(parts)
      assert.deepEqual(piecesOf(parts), [
        `0-${size - 1}`,
        `0-${4 * MIB - 1}`,
        `${4 * MIB}-${8 * MIB - 1}`,
        `${8 * MIB}-${size - 1}`,
      ])
    })
  })

  it('sends pieces also of what would go out in one request with its end', async () => {
    await withPush({ image: { layers: [{ bytes: 2.5 * MIB }] } }, async (parts) => {
      parts.registry.alwaysRefuse({ kind: 'upload', bodyOver: MIB }, respond(413))
      await parts.push()
      assertPushed(parts)
      const { size } = layerOf(parts)
      assert.deepEqual(piecesOf(parts), [`0-${MIB - 1}`, `${MIB}-${2 * MIB - 1}`, `${2 * MIB}-${size - 1}`])
    })
  })

  it('sends nothing more of a small blob that the registry has got all of, only the end of its upload', async () => {
    await withPush({}, async (parts) => {
      parts.registry.breakBody({ kind: 'upload', method: 'PUT' }, MIB)
      await parts.push()
      assertPushed(parts)
      const ranges = parts.registry.requestsFor({ method: 'PUT' }).map(({ headers }) => headers['content-range'])
      assert.deepEqual(
        ranges.filter((range) => range !== undefined),
        [],
      )
    })
  })

  it('gives up where not even a small piece is taken', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.alwaysRefuse({ method: 'PATCH' }, respond(413))
      await parts.refused('UNSUPPORTED')
    })
  })

  it('sends a blob once more that arrived as something else, and not a third time', async () => {
    await withPush(LARGE, async (parts) => {
      parts.registry.refuse({ kind: 'upload', method: 'PUT' }, fail(400, 'DIGEST_INVALID'))
      await parts.push()
      assertPushed(parts)
    })
    await withPush(LARGE, async (parts) => {
      parts.registry.alwaysRefuse({ kind: 'upload', method: 'PUT' }, fail(400, 'DIGEST_INVALID'))
      await parts.refused('DIGEST_MISMATCH')
    })
  })

  it('says what the registry finds wrong with a manifest', async () => {
    await withPush({}, async (parts) => {
      parts.registry.refuse({ kind: 'manifest', method: 'PUT' }, fail(400, 'MANIFEST_INVALID'))
      await parts.refused('MANIFEST_INVALID')
      parts.registry.refuse({ kind: 'manifest', method: 'PUT' }, fail(404, 'MANIFEST_BLOB_UNKNOWN'))
      await parts.refused('BLOB_UNKNOWN')
      parts.registry.refuse({ kind: 'manifest', method: 'PUT' }, respond(413))
      await parts.refused('MANIFEST_TOO_LARGE')
    })
  })

  it('takes an existence check that fails for a failure, not for an answer', async () => {
    await withPush({}, async (parts) => {
      parts.registry.always({ kind: 'manifest', method: 'HEAD' }, respond(403))
      await parts.refused('DENIED')
      assert.deepEqual(parts.registry.requestsFor({ kind: 'upload' }), [])
    })
  })
})

describe('a push with credentials', () => {
  it('gets a new token in the middle of an upload, and goes on', async () => {
    await withPush({ ...LARGE, registry: { auth: { kind: 'bearer', ...USER } } }, async (parts) => {
      const { registry, cache, name } = parts
      await withUser(parts, async (push) => {
        registry.script({ kind: 'upload', method: 'POST' }, (answer) => {
          registry.auth?.revoke()
          return answer
        })
        assert.ok(await push(USER.password))
        assertPushed(parts)
      })
      assert.equal((await cache.push(name)).results[0]?.ok, false)
    })
  })

  it('says UNAUTHORIZED for wrong ones, and shows no secret', async () => {
    for (const auth of [
      { kind: 'bearer', ...USER },
      { kind: 'basic', ...USER },
    ] as const) {
      await withPush({ registry: { auth } }, async (parts) => {
        await withUser(parts, async (_, failure) => {
          const { code, ...shown } = await failure('canary-wrong')
          assert.equal(code, 'UNAUTHORIZED')
          assert.ok(!JSON.stringify([shown, parts.progress]).includes('canary'))
        })
        assert.deepEqual(parts.registry.repository('team/app').held(), new Set())
      })
    }
  })

  it('shows none of them where an upload is sent on another origin', async () => {
    const other = await startRawRegistry({ uploads: {} })
    try {
      await withPush({ ...LARGE, registry: { auth: { kind: 'basic', ...USER } } }, async (parts) => {
        const { registry } = parts
        // The storage behind the registry: it takes the bytes, and the registry finds them there.
        registry.always({ kind: 'upload', method: 'POST' }, (answer, { request }) => {
          if (request.headers.authorization === undefined) return answer
          return withHeaders({ Location: `${other.url}/v2/team/app/blobs/uploads/none?signature=canary` })(answer, {
            request,
            whole: () => answer,
          })
        })
        await withUser(parts, async (_, failure) => {
          const failed = await failure(USER.password)
          assert.ok(!JSON.stringify([failed, parts.progress]).includes('canary'))
        })
        assert.ok(other.requests.length > 0)
        for (const { headers } of other.requests) assert.equal(headers.authorization, undefined)
      })
    } finally {
      await other.close()
    }
  })
})

describe('a push of a damaged blob', () => {
  for (const bytes of [1000, 4.5 * MIB]) {
    it(`never sends all of it (${bytes} bytes)`, async () => {
      await withPush({ image: { layers: [{ bytes }] } }, async (parts) => {
        const { digest } = layerOf(parts)
        await parts.damage(digest, (content) => {
          content[content.length - 1] = (content.at(-1) ?? 0) ^ 1
          return content
        })
        const { details } = await parts.refused('DIGEST_MISMATCH')
        assert.equal(details.digest, digest)
        const held = parts.registry.repository('team/app')
        assert.deepEqual([held.blob(digest), held.tagged('1.0')], [undefined, undefined])
      })
    })
  }

  it('sends nothing at all when a manifest is damaged', async () => {
    await withPush({}, async (parts) => {
      await parts.damage(parts.image.root.digest, (content) => content.fill(0x20))
      await parts.refused('DIGEST_MISMATCH')
      assert.deepEqual(parts.registry.requests, [])
    })
  })
})

/** Pushes from the same folder with an authfile. */
async function withUser(
  { registry, cache, name }: PushParts,
  use: (
    push: (password: string) => Promise<boolean>,
    failure: (password: string) => Promise<{ readonly code: string }>,
  ) => Promise<void>,
): Promise<void> {
  const { openCache } = await import('../../src/index.js')
  const result = async (password: string) => {
    const authFile = await authFileFor(registry.host, password)
    const own = await openCache({
      path: cache.path,
      env: {},
      authFile,
      retry: { retries: 3, minDelayMs: 1, maxDelayMs: 5 },
    })
    try {
      return (await own.push(name)).results[0] ?? assert.fail()
    } finally {
      await own.close()
    }
  }
  await use(
    async (password) => {
      const pushed = await result(password)
      return pushed.ok || assert.fail(JSON.stringify(pushed.failure))
    },
    async (password) => {
      const pushed = await result(password)
      return pushed.ok ? assert.fail('pushed') : pushed.failure
    },
  )
}
