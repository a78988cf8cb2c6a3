import type { Cache, ExchangeProgress, OnProgress, PushProgress, VerifyProgress } from '../index.js'
import type { Invocation } from './invocation.js'
import type { Outcome } from './outcome.js'
import { unreachable } from './unreachable.js'

/** How to stop a command, and who wants to know how far it is. */
export interface DispatchOptions {
  readonly signal: AbortSignal
  readonly onPullProgress?: OnProgress
  readonly onPushProgress?: (event: PushProgress) => void
  readonly onVerifyProgress?: (event: VerifyProgress) => void
  readonly onExchangeProgress?: (event: ExchangeProgress) => void
}

/** Runs one command. Only that command's module is loaded: start-up time is part of what `ls` costs. */
export async function dispatch(cache: Cache, invocation: Invocation, options: DispatchOptions): Promise<Outcome> {
  const { signal, onPullProgress, onPushProgress, onVerifyProgress, onExchangeProgress } = options
  const carried = { signal, ...(onExchangeProgress && { onProgress: onExchangeProgress }) }
  switch (invocation.verb) {
    case 'pull': {
      const { verb: _, references, ...wanted } = invocation
      const { pull } = await import('./pull.js')
      return pull(cache, references, { ...wanted, signal, ...(onPullProgress && { onProgress: onPullProgress }) })
    }
    case 'warm': {
      const { verb: _, references, dryRun, failFast, ...wanted } = invocation
      const { planWarm, warm } = await import('./warm.js')
      if (dryRun) return planWarm(cache, references, { ...wanted, signal })
      const progress = onPullProgress && { onProgress: onPullProgress }
      return warm(cache, references, { ...wanted, failFast, signal, ...progress })
    }
    case 'lock': {
      const { verb: _, ...wanted } = invocation
      return (await import('./lock.js')).lock(cache, { ...wanted, signal })
    }
    case 'export': {
      const { verb: _, references, ...wanted } = invocation
      return (await import('./export.js')).exportImages(cache, references, { ...wanted, ...carried })
    }
    case 'push': {
      const { verb: _, references, ...wanted } = invocation
      const { push } = await import('./push.js')
      return push(cache, references, { ...wanted, signal, ...(onPushProgress && { onProgress: onPushProgress }) })
    }
    case 'import': {
      const { verb: _, sources, ...wanted } = invocation
      return (await import('./import.js')).importImages(cache, sources, { ...wanted, ...carried })
    }
    case 'copy': {
      const { verb: _, references, ...wanted } = invocation
      return (await import('./copy.js')).copy(cache, references, { ...wanted, ...carried })
    }
    case 'ls': {
      const { verb: _, ...wanted } = invocation
      return (await import('./ls.js')).ls(cache, { ...wanted, signal })
    }
    case 'inspect':
      return (await import('./inspect.js')).inspect(cache, invocation.reference, { signal })
    case 'rm': {
      const { references, publishedOnly, force } = invocation
      return (await import('./rm.js')).rm(cache, references, { signal, publishedOnly, force })
    }
    case 'clean': {
      const { publishedOnly, force } = invocation
      return (await import('./clean.js')).clean(cache, { signal, publishedOnly, force })
    }
    case 'gc': {
      const { verb: _, ...wanted } = invocation
      return (await import('./gc.js')).gc(cache, { ...wanted, signal })
    }
    case 'pin':
    case 'unpin':
      return (await import('./pin.js'))[invocation.verb](cache, invocation.references, { signal })
    case 'log': {
      const { verb: _, ...wanted } = invocation
      return (await import('./log.js')).log(cache, { ...wanted, signal })
    }
    case 'compact': {
      const { verb: _, ...wanted } = invocation
      return (await import('./compact.js')).compact(cache, { ...wanted, signal })
    }
    case 'diff': {
      const { from, to } = invocation
      return (await import('./diff.js')).diff(cache, from, { ...(to !== undefined && { to }), signal })
    }
    case 'restore': {
      const { references, at } = invocation
      return (await import('./restore.js')).restore(cache, references, { at, signal })
    }
    case 'verify': {
      const { verb: _, ...wanted } = invocation
      const { verify } = await import('./verify.js')
      return verify(cache, { ...wanted, signal, ...(onVerifyProgress && { onProgress: onVerifyProgress }) })
    }
    default:
      return unreachable(invocation)
  }
}
