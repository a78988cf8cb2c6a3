import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isHearthError } from '../../src/errors.js'
import {
  formatPlatform,
  hostPlatform,
  normalisePlatform,
  type Platform,
  parsePlatform,
  parsePlatformObject,
  rankPlatforms,
} from '../../src/oci/platform.js'
import { isArchitecture } from '../../src/oci/platform-names.js'

const GOOD: readonly (readonly [string, string])[] = [
  ['linux/amd64', 'linux/amd64'],
  ['amd64', 'linux/amd64'],
  ['arm64', 'linux/arm64/v8'],
  ['linux/arm64', 'linux/arm64/v8'],
  ['linux/arm64/v8', 'linux/arm64/v8'],
  ['linux/arm64/8', 'linux/arm64/v8'],
  ['linux/arm64/v8.0', 'linux/arm64/v8'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['arm64/v9', 'linux/arm64/v9'],
  ['arm', 'linux/arm/v7'],
  ['arm/v6', 'linux/arm/v6'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['armv6l', 'linux/arm/v6'],
  ['Linux/AArch64', 'linux/arm64/v8'],
  ['x86_64', 'linux/amd64'],
  ['linux/x86-64/v3', 'linux/amd64/v3'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['i386', 'linux/386'],
  ['s390x', 'linux/s390x'],
  ['riscv64', 'linux/riscv64'],
  ['linux/ppc64el', 'linux/ppc64le'],
  ['linux/mipsel', 'linux/mipsle'],
  ['macos/arm64', 'darwin/arm64/v8'],
  ['windows/amd64', 'windows/amd64'],
  ['windows/amd64:10.0.17763.1', 'windows/amd64:10.0.17763.1'],
  ['amd64:10.0', 'linux/amd64:10.0'],
  ['wasi/wasm', 'wasi/wasm'],
  ['plan9/tomorrow', 'plan9/tomorrow'],
  // Names that every object inherits.
  ['linux/constructor', 'linux/constructor'],
  ['linux/__proto__', 'linux/__proto__'],
  ['constructor/amd64', 'constructor/amd64'],
]

const BAD: readonly string[] = [
  ...['', '/', ':', 'linux', 'linux/', '/amd64', 'linux//v8', 'linux/arm64/', 'linux/arm64/v8/x', 'amd64/v1/x'],
  ...[
    'linux/amd64:',
    'linux/amd64:1:2',
    'linux/amd64:50%',
    'linux/amd64:%FF',
    'linux/amd64:a/b',
    'linux/amd64:\u001b[2J',
  ],
  ...['linux /amd64', 'linux/amd64\n', 'linux/am\0d64', '*'],
  ...['linux/*', 'linux,amd64', 'linux\\amd64', 'lin\u212ax/amd64', 'constructor', '__proto__', 'arm/amd64/v1'],
  ...[
    `linux/${'a'.repeat(129)}`,
    `linux/amd64:${'a'.repeat(129)}`,
    'a/'.repeat(1 << 18),
    'linux/\ud800',
    'linux/amd64\u202e',
  ],
]

describe('parsePlatform', () => {
  for (const [text, canonical] of GOOD) {
    it(`reads ${text} as ${canonical}`, () => {
      assert.equal(formatPlatform(parsePlatform(text)), canonical)
    })
  }

  for (const text of BAD) {
    it(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.throws(
        () => parsePlatform(text),
        (error: Error) => isHearthError(error, 'PLATFORM_INVALID') && /^[ -~]{1,300}$/.test(error.message),
      )
    })
  }

  it('reads the version of a system with blanks, as they are or as they are printed', () => {
    const platform = { os: 'darwin', architecture: 'arm64', variant: 'v8', 'os.version': 'macOS 15.7' }
    assert.deepEqual(parsePlatform('darwin/arm64:macOS 15.7'), platform)
    assert.deepEqual(parsePlatform('darwin/arm64:macOS%2015.7'), platform)
    assert.equal(formatPlatform(platform), 'darwin/arm64/v8:macOS%2015.7')
  })

  it('names the parts', () => {
    assert.deepEqual(parsePlatform('windows/arm/v7:10.0'), {
      os: 'windows',
      architecture: 'arm',
      variant: 'v7',
      'os.version': '10.0',
    })
    assert.deepEqual(parsePlatform('amd64'), { os: 'linux', architecture: 'amd64' })
  })

  it('gives back what formatPlatform printed, and throws nothing but PLATFORM_INVALID', () => {
    const piece = fc.constantFrom(
      'linux',
      'arm',
      'ARM64',
      'amd64',
      'v7',
      '8',
      'v1',
      '/',
      '/',
      ':',
      '10.0',
      '.',
      'x64',
      '',
    )
    const any = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(any, (text) => {
        try {
          const platform = parsePlatform(text)
          assert.deepEqual(parsePlatform(formatPlatform(platform)), platform)
        } catch (error) {
          if (!isHearthError(error, 'PLATFORM_INVALID')) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('hostPlatform', () => {
  const HOSTS: readonly (readonly [string, string, string])[] = [
    ['linux', 'x64', 'linux/amd64'],
    ['linux', 'arm64', 'linux/arm64/v8'],
    ['linux', 'arm', 'linux/arm/v7'],
    ['linux', 'ia32', 'linux/386'],
    ['linux', 'ppc64', 'linux/ppc64le'],
    ['aix', 'ppc64', 'aix/ppc64'],
    ['linux', 's390x', 'linux/s390x'],
    ['linux', 'mipsel', 'linux/mipsle'],
    ['linux', 'riscv64', 'linux/riscv64'],
    ['darwin', 'arm64', 'darwin/arm64/v8'],
    ['win32', 'x64', 'windows/amd64'],
  ]
  for (const [platform, arch, expected] of HOSTS) {
    it(`calls Node's ${platform} on ${arch} ${expected}`, () => {
      assert.equal(formatPlatform(hostPlatform({ platform, arch })), expected)
    })
  }
})

describe('normalisePlatform', () => {
  it('changes nothing the second time', () => {
    const name = fc.constantFrom('arm', 'arm64', 'aarch64', 'armel', 'amd64', 'x64', 'ppc64le', 'Constructor', '')
    const variant = fc.constantFrom('', '8', 'v8', 'V8.0', 'v1', '1', 'v7', 'power9')
    fc.assert(
      fc.property(name, fc.option(variant), fc.constantFrom('linux', 'Win32', 'macos'), (architecture, given, os) => {
        const once = normalisePlatform({ os, architecture, ...(given !== null && { variant: given }) })
        assert.deepEqual(normalisePlatform(once), once)
      }),
    )
  })

  it('keeps version and features', () => {
    const windows = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1', 'os.features': ['win32k'] }
    assert.deepEqual(normalisePlatform(windows), windows)
  })
})

describe('rankPlatforms', () => {
  const ranked = (wanted: string, ...listed: readonly string[]): readonly string[] => {
    const candidates = listed.map((text) => ({ text, platform: written(text) }))
    return rankPlatforms(parsePlatform(wanted), candidates).map(({ text }) => text)
  }
  /** As a document spells it: nothing is normalised. */
  const written = (text: string): Platform => {
    const [names = '', version] = text.split(':')
    const [os = '', architecture = '', variant] = names.split('/')
    return { os, architecture, ...(variant && { variant }), ...(version && { 'os.version': version }) }
  }

  it('takes the wanted platform alone', () => {
    assert.deepEqual(ranked('linux/amd64', 'linux/arm64', 'linux/amd64', 'windows/amd64', 'linux/386'), ['linux/amd64'])
  })

  it('finds nothing where nothing runs', () => {
    assert.deepEqual(ranked('linux/s390x', 'linux/amd64', 'linux/arm64'), [])
  })

  it('sees arm64 and arm64/v8 as one, whoever leaves the variant out', () => {
    assert.deepEqual(ranked('arm64', 'linux/arm64/v8', 'linux/arm64'), ['linux/arm64/v8', 'linux/arm64'])
    assert.deepEqual(ranked('arm64/v8', 'linux/arm64', 'linux/arm64/8'), ['linux/arm64', 'linux/arm64/8'])
  })

  it('falls back from arm/v7 to v6 and v5, in this order', () => {
    assert.deepEqual(ranked('arm', 'linux/arm/v5', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm/v8'), [
      'linux/arm/v7',
      'linux/arm/v6',
      'linux/arm/v5',
    ])
    assert.deepEqual(ranked('arm/v7', 'linux/arm/v5', 'linux/arm/v6'), ['linux/arm/v6', 'linux/arm/v5'])
  })

  it('never takes a higher variant', () => {
    assert.deepEqual(ranked('arm/v6', 'linux/arm/v7', 'linux/arm'), [])
    assert.deepEqual(ranked('amd64', 'linux/amd64/v2'), [])
    assert.deepEqual(ranked('arm64', 'linux/arm64/v9', 'linux/arm64/v8.1'), [])
  })

  it('falls back from amd64/v3 to v2 and plain amd64', () => {
    assert.deepEqual(ranked('amd64/v3', 'linux/amd64', 'linux/amd64/v4', 'linux/amd64/v2', 'linux/amd64/v3'), [
      'linux/amd64/v3',
      'linux/amd64/v2',
      'linux/amd64',
    ])
    assert.deepEqual(ranked('amd64/v3', 'linux/amd64/v1'), ['linux/amd64/v1'])
  })

  it('knows that Armv9 runs Armv8', () => {
    assert.deepEqual(ranked('arm64/v9', 'linux/arm64', 'linux/arm64/v9', 'linux/arm64/v8.6', 'linux/arm64/v8.5'), [
      'linux/arm64/v9',
      'linux/arm64/v8.5',
      'linux/arm64',
    ])
    assert.deepEqual(ranked('arm64/v8.2', 'linux/arm64', 'linux/arm64/v8.1', 'linux/arm64/v8.3'), [
      'linux/arm64/v8.1',
      'linux/arm64',
    ])
  })

  it('never takes another architecture, not even one that the processor could run', () => {
    assert.deepEqual(ranked('arm64', 'linux/arm/v8', 'linux/arm/v7'), [])
    assert.deepEqual(ranked('amd64', 'linux/386'), [])
  })

  it('takes an image without variant for a variant it does not know', () => {
    assert.deepEqual(ranked('ppc64le/power10', 'linux/ppc64le', 'linux/ppc64le/power10'), [
      'linux/ppc64le/power10',
      'linux/ppc64le',
    ])
  })

  it('reads the names that documents use', () => {
    assert.deepEqual(ranked('arm64', 'Linux/aarch64'), ['Linux/aarch64'])
    assert.deepEqual(ranked('linux/constructor', 'linux/constructor'), ['linux/constructor'])
  })

  it('takes the first of several OS versions when none was asked for', () => {
    const listed = ['windows/amd64:10.0.20348.1', 'windows/amd64:10.0.17763.1']
    assert.deepEqual(ranked('windows/amd64', ...listed), listed)
  })

  it('compares versions with blanks in the same way', () => {
    const listed = ['darwin/arm64:macOS 15.7', 'darwin/arm64:macOS 14.8', 'darwin/arm64:macOS 157']
    assert.deepEqual(ranked('darwin/arm64:macOS 15', ...listed), ['darwin/arm64:macOS 15.7'])
    assert.deepEqual(ranked('darwin/arm64', ...listed), listed)
  })

  it('compares OS versions by their parts', () => {
    const listed = [
      'windows/amd64:10.0.17763.1',
      'windows/amd64:10.0.177631.1',
      'windows/amd64',
      'windows/amd64:10.0.2',
    ]
    assert.deepEqual(ranked('windows/amd64:10.0.17763', ...listed), ['windows/amd64:10.0.17763.1'])
    assert.deepEqual(ranked('windows/amd64:10.0.17763.1', ...listed), ['windows/amd64:10.0.17763.1'])
  })

  it('prefers what demands no feature nobody asked for', () => {
    const base = { os: 'windows', architecture: 'amd64' }
    const demanding = { platform: { ...base, 'os.features': ['win32k'] } }
    const plain = { platform: base }
    assert.deepEqual(rankPlatforms(base, [demanding, plain]), [plain, demanding])
    assert.deepEqual(rankPlatforms(demanding.platform, [demanding, plain]), [demanding, plain])
  })

  it('leaves out candidates that do not say their platform', () => {
    assert.deepEqual(rankPlatforms(parsePlatform('amd64'), [{}]), [])
  })

  it('always takes exactly what was asked for', () => {
    const variant = fc.oneof(fc.constantFrom('', 'v1', 'v4', 'v7', 'v8', 'v9', 'v9.3', 'v0', 'power8'), fc.string())
    fc.assert(
      fc.property(fc.constantFrom('arm', 'arm64', 'amd64', 'riscv64'), variant, (architecture, given) => {
        const platform = { os: 'linux', architecture, variant: given }
        assert.deepEqual(rankPlatforms(platform, [{ platform }]), [{ platform }])
      }),
    )
  })
})

describe('parsePlatformObject', () => {
  it('keeps what the document says, unnormalised, and drops what it does not know', () => {
    const platform = { os: 'Linux', architecture: 'aarch64', variant: '8', 'os.version': '1', 'os.features': ['a'] }
    assert.deepEqual(parsePlatformObject({ ...platform, features: ['sse4'] }, 'platform'), platform)
  })

  it('calls unknown what is missing, empty or null', () => {
    const unknown = { os: 'unknown', architecture: 'unknown' }
    assert.deepEqual(parsePlatformObject({}, 'platform'), unknown)
    const empty = { os: '', architecture: null, variant: '', 'os.version': null, 'os.features': null }
    assert.deepEqual(parsePlatformObject(empty, 'platform'), unknown)
  })

  it('takes any text for the version of a system, as the spec gives it no form', () => {
    for (const version of ['macOS 15.7', 'Ubuntu 22.04.5', '10:0', '50 %', '\u001b[2J']) {
      const platform = { os: 'darwin', architecture: 'arm64', 'os.version': version }
      assert.deepEqual(parsePlatformObject(platform, 'platform'), platform)
    }
  })

  it('is printed as one harmless word that reads as the same platform', () => {
    const name = fc.stringMatching(/^[a-z0-9_.+-]{1,128}$/).filter((text) => !isArchitecture(text))
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 })
    fc.assert(
      fc.property(name, name, text, (os, architecture, version) => {
        fc.pre(version.length <= 128)
        const platform = parsePlatformObject({ os, architecture, 'os.version': version }, 'platform')
        const printed = formatPlatform(platform)
        assert.match(printed, /^[a-z0-9_.+-]+\/[a-z0-9_.+-]+:[A-Za-z0-9_.+%-]+$/)
        assert.deepEqual(parsePlatform(printed), normalisePlatform(platform))
      }),
    )
  })

  const BAD_OBJECTS: readonly (readonly [unknown, string])[] = [
    [null, 'platform'],
    [[], 'platform'],
    ['linux/amd64', 'platform'],
    [{ os: 1 }, 'platform.os'],
    [{ os: 'linux,windows' }, 'platform.os'],
    [{ os: 'linux/amd64' }, 'platform.os'],
    [{ os: '../../etc' }, 'platform.os'],
    [{ architecture: 'am\u001b[2Jd64' }, 'platform.architecture'],
    [{ variant: 'v8\n' }, 'platform.variant'],
    [{ variant: {} }, 'platform.variant'],
    [{ 'os.version': 10 }, 'platform.os.version'],
    [{ 'os.version': '\ud800' }, 'platform.os.version'],
    [{ 'os.version': '1'.repeat(129) }, 'platform.os.version'],
    [{ os: 'a'.repeat(129) }, 'platform.os'],
    [{ 'os.features': 'win32k' }, 'platform.os.features'],
    [{ 'os.features': ['a', 1] }, 'platform.os.features[1]'],
    [{ Architecture: 'amd64' }, 'platform'],
  ]
  for (const [value, where] of BAD_OBJECTS) {
    it(`refuses ${JSON.stringify(value).slice(0, 40)}, naming ${where}`, () => {
      assert.throws(
        () => parsePlatformObject(value, 'platform'),
        (error) => isHearthError(error, 'MANIFEST_INVALID') && error.details.where === where,
      )
    })
  }
})
