import { quote } from '../oci/quote.js'
import { inputInvalid, type Place } from './place.js'

/** A value out of a document, with the place where it stands. Aliases are the very nodes that they stand for. */
export type Located = LocatedText | LocatedList | LocatedMap | LocatedNull

/** A scalar as it was written: `1.10` stays `1.10`, because a tag may look like a number. */
export interface LocatedText {
  readonly kind: 'text'
  readonly place: Place
  readonly text: string
}

export interface LocatedList {
  readonly kind: 'list'
  readonly place: Place
  readonly items: readonly Located[]
}

export interface LocatedMap {
  readonly kind: 'map'
  readonly place: Place
  readonly entries: ReadonlyMap<string, LocatedEntry>
}

export interface LocatedEntry {
  /** Where the key stands. */
  readonly place: Place
  readonly value: Located
}

interface LocatedNull {
  readonly kind: 'null'
  readonly place: Place
}

/** A member's value. What is null counts as left out. */
export function member(map: LocatedMap, name: string): Located | undefined {
  const value = map.entries.get(name)?.value
  return value?.kind === 'null' ? undefined : value
}

/** @throws HearthError INPUT_INVALID for anything but a map. */
export function expectMap(value: Located, what: string): LocatedMap {
  if (value.kind !== 'map') throw inputInvalid(value.place, `${quote(what)} is not a map`)
  return value
}

/** @throws HearthError INPUT_INVALID for anything but a list. */
export function expectList(value: Located, what: string): LocatedList {
  if (value.kind !== 'list') throw inputInvalid(value.place, `${quote(what)} is not a list`)
  return value
}

/** @throws HearthError INPUT_INVALID for anything but text or a number. */
export function expectText(value: Located, what: string): LocatedText {
  if (value.kind !== 'text') throw inputInvalid(value.place, `${quote(what)} is not text`)
  return value
}

/** The items of a list that may be left out. */
export function itemsOf(map: LocatedMap, name: string): readonly Located[] {
  const value = member(map, name)
  return value === undefined ? [] : expectList(value, name).items
}
