import { HearthError } from '../errors.js'
import type { Where } from './where.js'

/** A server that means it sends one: 103, now and then with a second. */
const MAX_INTERIM = 8

/**
 * Counts the 1xx answers to one request: each of them begins the wait for the headers anew, so a server could go on for ever.
 * Spec: RFC 9110 section 15.2.
 */
export class InterimAnswers {
  #count = 0

  constructor(private readonly where: Where) {}

  /** @throws HearthError PROTOCOL_ERROR for one too many. */
  add(): void {
    this.#count += 1
    if (this.#count <= MAX_INTERIM) return
    throw new HearthError('PROTOCOL_ERROR', `${this.where.host} keeps announcing an answer`, { ...this.where })
  }
}
