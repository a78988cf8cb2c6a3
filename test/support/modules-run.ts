import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

interface ScriptCoverage {
  readonly url: string
  readonly functions: readonly {
    readonly functionName: string
    readonly ranges: readonly { readonly count: number }[]
  }[]
}

/**
 * Of a command that ran with `NODE_V8_COVERAGE`: every module of which anything was run, for each of its threads. In a bundle a
 * module is a function that is named by its path.
 */
export async function modulesRun(coverage: string): Promise<readonly (readonly string[])[]> {
  const reports = (await readdir(coverage)).map(async (name) => {
    const { result } = JSON.parse(await readFile(join(coverage, name), 'utf8')) as { result: ScriptCoverage[] }
    return result.filter(({ url }) => url.startsWith('file:')).flatMap(modulesOf)
  })
  return await Promise.all(reports)
}

/** The packages that modules belong to, each once. */
export function packagesOf(modules: readonly string[]): readonly string[] {
  return [...new Set(modules.flatMap((path) => /.*\/?node_modules\/([^/]+)\//.exec(path)?.[1] ?? []))]
}

function modulesOf({ url, functions }: ScriptCoverage): readonly string[] {
  const run = functions.filter(({ ranges }) => ranges.some(({ count }) => count > 0))
  return [url, ...run.map(({ functionName }) => functionName).filter((name) => name.endsWith('.js'))]
}
