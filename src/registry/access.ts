/** What an Authorization is for besides one repository: to read from it, or to write to it. */
export type Access = 'pull' | PushAccess

export interface PushAccess {
  /** Another repository of the same registry to read from: a blob is to be mounted out of it. */
  readonly mountFrom?: string
}

const ACTIONS = /^repository:([a-z0-9._/:-]{1,512}):(pull|pull,push|push,pull|push)$/

/**
 * The scope to ask a token server for. Several are separated by a space.
 * Spec: distribution docs "Token Scope Documentation".
 */
export function scopeFor(repository: string, access: Access): string {
  if (access === 'pull') return `repository:${repository}:pull`
  const own = `repository:${repository}:pull,push`
  return access.mountFrom === undefined ? own : `${own} repository:${access.mountFrom}:pull`
}

/**
 * The scope that a challenge asks for by another name than ours, as servers do that map names; undefined when it is of no
 * use. It never gets us to ask for more than to read one repository, or than to read and write one.
 */
export function challengedScope(text: string | undefined, access: Access): string | undefined {
  const [, name, actions] = ACTIONS.exec(text ?? '') ?? []
  if (name === undefined || (access === 'pull' && actions !== 'pull')) return undefined
  // Whoever is only asked to read before a push would have to ask again: both are wanted in the end.
  return scopeFor(name, access)
}
