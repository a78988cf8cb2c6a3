import type { Lock, LockedImage } from './lock-file.js'
import type { LockChange } from './reports.js'

/** Pure. What moved from one lock to the other, sorted by name. */
export function compareLocks({ images: before }: Lock, { images: after }: Lock): LockChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((reference): LockChange[] => {
    const [old, now] = [ownOf(before, reference), ownOf(after, reference)]
    if (old === undefined) return now === undefined ? [] : [{ kind: 'added', reference, digest: now.digest }]
    if (now === undefined) return [{ kind: 'removed', reference, digest: old.digest }]
    return isSame(old, now) ? [] : [{ kind: 'changed', reference, before: old.digest, digest: now.digest }]
  })
}

function ownOf(images: Lock['images'], reference: string): LockedImage | undefined {
  return Object.hasOwn(images, reference) ? images[reference] : undefined
}

function isSame(a: LockedImage, b: LockedImage): boolean {
  const platformsOf = ({ platforms }: LockedImage): string =>
    Object.entries(platforms)
      .map(([name, { digest }]) => `${name} ${digest}`)
      .sort()
      .join()
  return a.digest === b.digest && platformsOf(a) === platformsOf(b)
}
