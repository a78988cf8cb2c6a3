/**
 * Puts the command into a few files under dist/bundle: the command itself with all its packages, and one file for each
 * thread. Loading some 150 modules one by one took longer than what most commands do: `hearth pull` of an image that is
 * present costs 170 ms of a processor instead of 290, where an empty Node process costs 70 (medians of 9, same run).
 * CommonJS on purpose: there, a module that a command does not use is neither run nor linked, and Node's own modules are
 * loaded by those that need them. Part of the build, not of the package; the library is not bundled.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { startPracticeRegistry } from './practice-registry.js'

const DIST = fileURLToPath(new URL('../../', import.meta.url))
const BUNDLE = join(DIST, 'bundle')
const PRACTICE_RUN = join(DIST, 'src/packaging/practice-run.js')
const RXJS = fileURLToPath(import.meta.resolve('rxjs')).replace(/dist\/.*/, 'dist/esm/index.js')

/**
 * Native addons stay in their packages, where npm puts what fits the platform. Each package's own way of finding its addon
 * is replaced: in a bundle it would look beside the bundle, and one of them loads 18 files for that.
 */
const nativeAddons: Plugin = {
  name: 'native-addons',
  setup({ onLoad, onResolve }) {
    // Seen from level: a package manager need not let us see the packages of our packages.
    onLoad({ filter: /classic-level\/binding\.js$/ }, () => ({
      contents: `
        const { resolve } = require('node:module').createRequire(require.resolve('level'))
        module.exports = require('node-gyp-build')(require('node:path').dirname(resolve('classic-level')))`,
    }))
    onLoad({ filter: /fs-native-extensions\/binding\.js$/ }, () => ({
      contents: `
        const platform = process.platform + '-' + process.arch
        try { module.exports = require('fs-native-extensions/prebuilds/' + platform + '/fs-native-extensions.node') }
        catch { module.exports = require('fs-native-extensions/binding.js') }`,
    }))
    onResolve({ filter: /^fs-native-extensions\/binding\.js$/ }, ({ path }) => ({ path, external: true }))
    onResolve({ filter: /^level$/ }, ({ path, kind }) => {
      return kind === 'require-resolve' ? { path, external: true } : undefined
    })
  },
}

/**
 * CommonJS knows no import.meta.url, against which the threads' files are resolved. Each module gets the address that it
 * would have if it stood in the bundle's folder as it stands in dist/.
 */
const urlsInBundle: Plugin = {
  name: 'urls-in-bundle',
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/(src|workers)\/.*\.js$/ }, async ({ path }) => {
      const url = `urlInBundle(${JSON.stringify(relative(DIST, path))})`
      return { contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', url) }
    })
  },
}

const COMMON: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
  // Node's loader for ES modules, which nothing else needs, would cost as much as the package that is loaded by it.
  supported: { 'dynamic-import': false },
  // Piscina starts its threads from a file of its own; hash-wasm is large, and needed for BLAKE3 alone.
  external: ['piscina', 'hash-wasm'],
  alias: { rxjs: RXJS },
  plugins: [nativeAddons, urlsInBundle],
}

/** `root`: the bundle's folder, seen from the file. */
function urlInBundle(root: string): BuildOptions {
  const place = `require('node:path').join(__dirname, ${JSON.stringify(root)}, path)`
  return { banner: { js: `const urlInBundle = (path) => require('node:url').pathToFileURL(${place}).href;` } }
}

/** What launch-command.ts loads, compiled by a first pull. */
async function compileAhead(file: string): Promise<void> {
  // Node's wrapper would leave this line behind it.
  await writeFile(file, (await readFile(file, 'utf8')).replace(/^#!.*\n/, ''))
  const folder = await mkdtemp(join(tmpdir(), 'hearth-build-'))
  const registry = await startPracticeRegistry()
  try {
    const pull = ['pull', '--quiet', '--platform', 'linux/amd64', '--cache', join(folder, 'cache'), registry.reference]
    // Nobody's credentials.
    const env = { PATH: process.env.PATH, HOME: folder }
    await promisify(execFile)(process.execPath, [PRACTICE_RUN, file, ...pull], { env })
  } finally {
    registry.close()
    await rm(folder, { recursive: true, force: true })
  }
}

await rm(BUNDLE, { recursive: true, force: true })
await mkdir(BUNDLE)
await writeFile(join(BUNDLE, 'package.json'), '{ "type": "commonjs" }\n')
await build({
  ...COMMON,
  ...urlInBundle('.'),
  entryPoints: { hearth: join(DIST, 'src/cli.js'), cli: join(DIST, 'src/packaging/launch-command.js') },
  outdir: BUNDLE,
})
await compileAhead(join(BUNDLE, 'hearth.js'))
await build({
  ...COMMON,
  ...urlInBundle('..'),
  entryPoints: ['fetch-blob', 'verify-blob', 'hash-thread'].map((name) => join(DIST, `workers/${name}.js`)),
  outdir: join(BUNDLE, 'workers'),
})
