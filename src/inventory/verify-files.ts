import type { Permissions } from '../blobs/permissions.js'
import { HearthError, isHearthError, toFailure } from '../errors.js'
import { parseOciLayout } from '../materialise/format.js'
import type { LayoutMarker } from '../materialise/layout-marker.js'
import { FORMAT_FILE } from '../oci/image-layout.js'
import type { VerifyProblem } from './reports.js'

/** Whether other tools take the folder for an image layout. */
export async function checkMarker(marker: LayoutMarker): Promise<readonly VerifyProblem[]> {
  try {
    const bytes = await marker.read()
    if (bytes === undefined) throw new HearthError('LAYOUT_INVALID', 'oci-layout is missing')
    parseOciLayout(new TextDecoder().decode(bytes))
    return []
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    return [{ kind: 'index', subject: 'oci-layout', failure: toFailure(error) }]
  }
}

/** Whether the cache says which hearth can read it. @throws HearthError FORMAT_UNSUPPORTED when a newer one made it. */
export async function checkFormat(readFormat: () => Promise<unknown>): Promise<readonly VerifyProblem[]> {
  try {
    if ((await readFormat()) !== undefined) return []
    throw new HearthError('LAYOUT_INVALID', 'it is missing; the next change makes it anew')
  } catch (error) {
    if (!isHearthError(error, 'LAYOUT_INVALID')) throw error
    return [{ kind: 'index', subject: FORMAT_FILE, failure: toFailure(error) }]
  }
}

/** Whether somebody else could change what the cache vouches for. */
export async function checkPermissions(permissions: Permissions): Promise<readonly VerifyProblem[]> {
  const problems: VerifyProblem[] = []
  for await (const { path, mode, wanted } of permissions.loose()) {
    const [actual, expected] = [mode, wanted].map((rights) => rights.toString(8).padStart(4, '0'))
    const message = `its rights are ${actual}, not ${expected}`
    const failure = {
      code: 'LAYOUT_INVALID',
      message,
      details: { path, mode: `${actual}`, wanted: `${expected}` },
    } as const
    problems.push({ kind: 'permission', subject: path, failure })
  }
  return problems
}
