/**
 * An address on which nobody listens. A port below 1024 on purpose: the system gives none of these to a server that asks for
 * any free port, as it does with the port of a server that was just closed, while other tests start theirs.
 */
export const NOBODY_LISTENS = '127.0.0.1:1'
