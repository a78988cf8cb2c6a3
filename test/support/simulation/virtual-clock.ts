import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs'

interface Due {
  readonly at: number
  readonly order: number
  /** Absent once it was cancelled. */
  work: (() => void) | undefined
}

/**
 * Time that passes only when nothing else can happen: before each timer goes off, every promise that is settled has run
 * its continuations. So code of promises and code of RxJS share one clock, and an hour takes as long as its events do.
 */
export class VirtualClock implements SchedulerLike {
  /** Binary heap: the next one first; of those at the same moment, the one that was asked for first. */
  readonly #due: Due[] = []
  #now = 0
  #asked = 0

  /** Milliseconds since the clock was made. */
  now(): number {
    return this.#now
  }

  /** Calls `work` once after `ms`; the result cancels it. */
  after(ms: number, work: () => void): () => void {
    const due: Due = { at: this.#now + ms, order: this.#asked++, work }
    this.#push(due)
    return () => {
      due.work = undefined
    }
  }

  schedule<S>(work: (this: SchedulerAction<S>, state?: S) => void, delay = 0, state?: S): Subscription {
    const action = new Subscription() as SchedulerAction<S>
    // For the operators of RxJS that repeat themselves.
    action.schedule = (next?: S, again = 0) => this.schedule(work, again, next)
    action.add(this.after(delay, () => work.call(action, state)))
    return action
  }

  /** Lets time pass until the promise is settled. @throws Error when nothing is due any more and it never will be. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const note = (): void => {
      settled = true
    }
    promise.then(note, note)
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (settled) return promise
      const due = this.#pop()
      if (due === undefined) throw new Error('nothing is due any more, and the work has not ended')
      this.#now = due.at
      due.work?.()
    }
  }

  #push(due: Due): void {
    const heap = this.#due
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as Due
      if (!isBefore(due, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = due
  }

  /** The next one that was not cancelled. */
  #pop(): Due | undefined {
    for (;;) {
      const first = this.#due[0]
      const last = this.#due.pop()
      if (first !== undefined && last !== undefined && first !== last) this.#sink(last)
      if (first === undefined || first.work !== undefined) return first
    }
  }

  #sink(due: Due): void {
    const heap = this.#due
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      const next = right !== undefined && isBefore(right, left) ? right : left
      if (next === right) child += 1
      if (!isBefore(next, due)) break
      heap[at] = next
      at = child
    }
    heap[at] = due
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
