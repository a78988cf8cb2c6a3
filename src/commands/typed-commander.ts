import type * as Typings from '@commander-js/extra-typings'
import * as commander from 'commander'

/** Commander with typings that infer each option from its flags. Types only: loading that package would cost 24 ms. */
export const { Command, Option } = commander as unknown as typeof Typings
