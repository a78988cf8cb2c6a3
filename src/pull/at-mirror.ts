import type { AtMirror } from '../registry/registry.js'
import type { HostPauses } from './host-pauses.js'
import type { Lanes } from './lanes.js'

/**
 * Small requests to mirrors: one that wants to be left alone, or cannot be reached, is passed over for that time, as it is for
 * blobs. They are made from the registry's lane; whoever waited for a second slot there could wait for one that waits for his.
 */
export function passingOver({ lanes, pauses }: { readonly lanes: Lanes; readonly pauses: HostPauses }): AtMirror {
  return async (host, ask) => {
    const slot = lanes.visit(host)
    if (slot === undefined) throw pauses.whyPaused(host)
    try {
      const answer = await ask()
      slot.leave('served')
      return answer
    } catch (error) {
      pauses.note(host, error, true)
      throw error
    } finally {
      slot.leave()
    }
  }
}
