import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import { digestBytes } from '../../src/oci/hasher.js'
import { formatReference, parseReference, referenceIn, repositoryName } from '../../src/oci/reference.js'

const digest = await digestBytes(new TextEncoder().encode('root'))
const sha512 = await digestBytes(new TextEncoder().encode('root'), 'sha512')
const hex = digest.slice('sha256:'.length)

/** What is typed, and the canonical name it stands for. */
const GOOD: readonly (readonly [string, string])[] = [
  // Docker's short names.
  ['redis', 'docker.io/library/redis:latest'],
  ['redis:7', 'docker.io/library/redis:7'],
  ['library/redis', 'docker.io/library/redis:latest'],
  ['linuxkit/kernel:6.6.71', 'docker.io/linuxkit/kernel:6.6.71'],
  ['docker.io/redis', 'docker.io/library/redis:latest'],
  ['docker.io/library/redis', 'docker.io/library/redis:latest'],
  ['docker.io/library/foo/bar', 'docker.io/library/foo/bar:latest'],
  ['docker.io/library', 'docker.io/library/library:latest'],
  ['index.docker.io/redis', 'docker.io/library/redis:latest'],
  ['index.docker.io/a/b:c', 'docker.io/a/b:c'],
  ['Index.Docker.IO/redis', 'docker.io/library/redis:latest'],
  ['registry-1.docker.io/library/redis', 'registry-1.docker.io/library/redis:latest'],
  // Only Docker Hub has library/.
  ['ghcr.io/redis', 'ghcr.io/redis:latest'],
  ['docker.io:443/redis', 'docker.io:443/redis:latest'],
  // What makes the first component a host.
  ['localhost/a', 'localhost/a:latest'],
  ['LOCALHOST/a', 'localhost/a:latest'],
  ['localhost:5000/a', 'localhost:5000/a:latest'],
  ['localhost', 'docker.io/library/localhost:latest'],
  ['localhost:5000', 'docker.io/library/localhost:5000'],
  ['test_com/foo', 'docker.io/test_com/foo:latest'],
  ['test-com:8080/foo', 'test-com:8080/foo:latest'],
  ['Registry.EXAMPLE.com/team/app:1', 'registry.example.com/team/app:1'],
  ['xn--n3h.com:18080/foo', 'xn--n3h.com:18080/foo:latest'],
  ['192.168.0.1', 'docker.io/library/192.168.0.1:latest'],
  ['192.168.0.1:80', 'docker.io/library/192.168.0.1:80'],
  ['192.168.0.1:8/debian', '192.168.0.1:8/debian:latest'],
  // Ports are kept as written, default ones too.
  ['example.com:443/a', 'example.com:443/a:latest'],
  ['example.com:65535/a:b', 'example.com:65535/a:b'],
  // IPv6, in the one spelling of RFC 5952.
  ['[::1]/a', '[::1]/a:latest'],
  ['[::1]:5000/a:b', '[::1]:5000/a:b'],
  ['[FC00:1:2:3:4:5:6:7]:5000/library/debian', '[fc00:1:2:3:4:5:6:7]:5000/library/debian:latest'],
  ['[0:0:0:0:0:0:0:1]:5000/a', '[::1]:5000/a:latest'],
  // Separators in a repository.
  ['docker---rules/docker', 'docker.io/docker---rules/docker:latest'],
  ['dock__er/d.o_c-k', 'docker.io/dock__er/d.o_c-k:latest'],
  ['d/t', 'docker.io/d/t:latest'],
  [`docker.io/${hex}`, `docker.io/library/${hex}:latest`],
  [hex.slice(1), `docker.io/library/${hex.slice(1)}:latest`],
  // Tags and digests.
  [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`],
  ['a:_V1.0-rc', 'docker.io/library/a:_V1.0-rc'],
  [`redis@${digest}`, `docker.io/library/redis@${digest}`],
  [`redis:7@${digest}`, `docker.io/library/redis:7@${digest}`],
  [`ghcr.io/a/b@${sha512}`, `ghcr.io/a/b@${sha512}`],
]

const BAD: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a blank', 'red is'],
  ['a leading blank', ' redis'],
  ['a trailing newline', 'redis\n'],
  ['a NUL', 'redis\0'],
  ['an escape sequence', 'redis\u001b[2J'],
  ['DEL', 'redis\u007f'],
  ['a right-to-left override', 'redis\u202e'],
  ['a Cyrillic look-alike', 'redi\u0455'],
  ['a lone surrogate', 'redis\ud800'],
  ['a transport prefix', 'docker://redis'],
  ['a URL', 'https://docker.io/library/redis'],
  ['an upper-case repository', 'Redis'],
  ['an upper-case repository on a host', 'ghcr.io/a/B'],
  ['a host that only its upper case tells from a repository', 'Foo/bar'],
  ['a bare image id', hex],
  ['a bare digest', digest],
  ['an empty tag', 'redis:'],
  ['a tag of 129 characters', `a:${'t'.repeat(129)}`],
  ['a tag that begins with a dash', 'a:-b'],
  ['a tag with a slash in front of it', 'a/:b'],
  ['two tags', 'a:b:c'],
  ['an empty digest', 'redis@'],
  ['a digest without algorithm', `redis@${hex}`],
  ['an upper-case digest', `redis@${digest.replace(hex, hex.toUpperCase())}`],
  ['a short digest', `redis@${digest.slice(0, -1)}`],
  ['an unregistered algorithm', `redis@md5:${hex.slice(0, 32)}`],
  ['a digest that climbs', 'redis@sha256:../../x'],
  ['two digests', `redis@${digest}@${digest}`],
  ['a tag after the digest', `redis@${digest}:7`],
  ['user information', 'user@ghcr.io/a'],
  ['a repository that climbs', 'ghcr.io/../x'],
  ['a dot component', 'ghcr.io/./x'],
  ['empty components', 'docker///docker'],
  ['a leading slash', '/redis'],
  ['a trailing slash', 'docker/'],
  ['a host alone', 'ghcr.io/'],
  ['a leading dash', '-docker/docker'],
  ['a trailing dash', 'docker-/docker'],
  ['mixed separators', 'dock_.er/docker'],
  ['three underscores', 'dock___er/docker'],
  ['two dots', 'dock..er/docker'],
  ['percent encoding', 'ghcr.io/a%2fb'],
  ['a backslash', 'ghcr.io/a\\b'],
  ['a query', 'ghcr.io/a?b'],
  ['a trailing dot of the host', 'example.com./a'],
  ['a host with a dash at its end', 'example-.com/a'],
  ['an empty port', 'example.com:/a'],
  ['port 0', 'example.com:0/a'],
  ['a port with a leading zero', 'example.com:0443/a'],
  ['a port above 65535', 'example.com:65536/a'],
  ['a port that is no number', 'example.com:http/a'],
  ['an IPv6 address without brackets', 'fc00::1:5000/debian'],
  ['an IPv6 address with a zone', '[fe80::1%eth0]:5000/debian'],
  ['an IPv6 address that embeds IPv4', '[2001:db8:3:4::192.0.2.33]:5000/debian'],
  ['an IPv6 address that is none', '[::::]/a'],
  ['an IPv6 host alone', '[::1]'],
  ['a short spelling of loopback', '127.1/a'],
  ['an octal spelling of loopback', '0177.0.0.1/a'],
  ['a hexadecimal spelling of loopback', '0x7f.0.0.1/a'],
  ['an address of five numbers', '1.2.3.4.5/a'],
  ['a name of 256 characters', `ghcr.io/${'n'.repeat(256 - 'ghcr.io/'.length)}`],
  ['a short name that becomes too long', 'n'.repeat(255)],
  ['a megabyte', 'a/'.repeat(1 << 19)],
]

describe('parseReference', () => {
  for (const [text, canonical] of GOOD) {
    it(`reads ${text.slice(0, 80)} as ${canonical.slice(0, 80)}`, () => {
      assert.equal(formatReference(parseReference(text)), canonical)
    })
  }

  for (const [what, text] of BAD) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseReference(text),
        (error) => isHearthError(error, 'REFERENCE_INVALID'),
      )
    })
  }

  it('names every part of a reference that has them all', () => {
    assert.deepEqual(parseReference(`Example.com:5000/team/app:v1@${digest}`), {
      registry: 'example.com:5000',
      repository: 'team/app',
      tag: 'v1',
      digest,
    })
  })

  it('adds no tag to a digest and no digest to a tag', () => {
    assert.deepEqual(parseReference(`redis@${digest}`), { registry: 'docker.io', repository: 'library/redis', digest })
    assert.deepEqual(parseReference('redis'), { registry: 'docker.io', repository: 'library/redis', tag: 'latest' })
  })

  it('takes host and repository up to 255 characters together', () => {
    const longest = `ghcr.io/${'n'.repeat(255 - 'ghcr.io/'.length)}`
    assert.equal(repositoryName(parseReference(longest)), longest)
    const text = `${longest}:${'t'.repeat(128)}@${sha512}`
    assert.equal(formatReference(parseReference(text)), text)
  })

  it('has a form for texts that may be none', () => {
    assert.deepEqual(referenceIn('redis'), parseReference('redis'))
    for (const [, text] of BAD) assert.equal(referenceIn(text), undefined)
    assert.equal(referenceIn('redis@sha256:short'), undefined)
  })

  it('says nothing that could reach a terminal as a control character', () => {
    for (const [, text] of BAD) {
      assert.throws(
        () => parseReference(text),
        (error: Error) => /^[ -~]*$/.test(error.message) && error.message.length < 500,
      )
    }
  })

  for (const text of [
    'https://me:s3cret@host.example/app',
    'me:s3cret@host.example/app:1',
    'https://s3cret@host.example/app',
  ]) {
    it(`keeps the secret of ${text} out of its error`, () => {
      assert.throws(
        () => parseReference(text),
        (error: Error) => !JSON.stringify(error).includes('s3cret') && !error.message.includes('s3cret'),
      )
    })
  }

  it('gives back what formatReference printed', () => {
    fc.assert(
      fc.property(aReference, (text) => {
        const reference = parseReference(text)
        const printed = formatReference(reference)
        assert.deepEqual(parseReference(printed), reference)
        assert.equal(formatReference(parseReference(printed)), printed)
      }),
    )
  })

  it('throws nothing but REFERENCE_INVALID, whatever the text', () => {
    const pieces = fc.constantFrom('a', 'B', '.', ':', '/', '@', '[', ']', '-', '_', '::1', '443', 'localhost', digest)
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(text, (any) => {
        try {
          const reference = parseReference(any)
          assert.deepEqual(parseReference(formatReference(reference)), reference)
        } catch (error) {
          if (!isHearthError(error, 'REFERENCE_INVALID')) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('repositoryName', () => {
  it('leaves out tag and digest', () => {
    assert.equal(repositoryName(parseReference(`redis:7@${digest}`)), 'docker.io/library/redis')
  })
})

const letters = (unit: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...unit), minLength: 1, maxLength })
const component = fc
  .array(letters('abcxyz019', 6), { minLength: 1, maxLength: 3 })
  .chain((parts) => fc.constantFrom('.', '_', '__', '-', '---').map((separator) => parts.join(separator)))
const label = letters('abcXYZ09', 8)
const name = fc.tuple(label, fc.constantFrom('com', 'IO', 'example')).map(([first, last]) => `${first}.${last}`)
const host = fc
  .tuple(
    fc.oneof(name, fc.ipV4(), fc.constantFrom('localhost', 'index.docker.io', '[::1]', '[2001:DB8::7]')),
    fc.option(fc.integer({ min: 1, max: 65_535 })),
  )
  .map(([address, port]) => (port === null ? address : `${address}:${port}`))
const aReference = fc
  .tuple(
    fc.option(host),
    fc.array(component, { minLength: 1, maxLength: 3 }),
    fc.option(letters('abcXYZ019_', 20)),
    fc.option(fc.constantFrom(digest, sha512)),
  )
  // Without a host before it, such a component would be the host; and `y.9` is none.
  .filter(([at, [first = '', ...others]]) => at !== null || others.length === 0 || !first.includes('.'))
  .map(([at, path, tag, pinned]) => {
    const prefix = at === null ? '' : `${at}/`
    return prefix + path.join('/') + (tag === null ? '' : `:${tag}`) + (pinned === null ? '' : `@${pinned}`)
  })
