import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
} from 'yaml'
import type { Located, LocatedEntry, LocatedMap } from './located.js'
import { inputInvalid, type Place } from './place.js'

type Node = ParsedNode | null

/** Deeper than any manifest, and shallow enough that walking a document may recurse. */
const MAX_DEPTH = 100
/**
 * Nodes of a document with every alias counted in full: ten lines of aliases to aliases can stand for more nodes than
 * memory holds. 16 MiB of text have less than this without aliases.
 */
const MAX_NODES = 10_000_000

/**
 * The documents of a YAML 1.2 stream, and so of JSON, with places; empty ones are left out. `<<` merges maps as in YAML
 * 1.1, because Compose files are written with it, and so are its tags: what is `!reset` is null, and `!override` changes
 * nothing, because only one file is read at a time. A key that occurs twice in a map is an error.
 *
 * Load this file when it is needed: the parser takes 30 to 60 ms to load. It reads about 2 MB/s.
 * @throws HearthError INPUT_INVALID
 */
export function parseYaml(text: string, file: string): readonly Located[] {
  const lines = new LineCounter()
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  // uniqueKeys compares each key with all others of its map: 100,000 keys would take minutes.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false } as const
  const documents = parseAllDocuments(text, options)
  if ('empty' in documents) return []
  return documents.flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) throw inputInvalid(placeAt(error.pos[0]), reasonOf(error.message), error)
    if (document.contents === null) return []
    const located = new Reader(placeAt).read(document.contents, 0)
    return located.value.kind === 'null' ? [] : [located.value]
  })
}

/** A node, and how many nodes it stands for. */
interface Read {
  readonly value: Located
  readonly nodes: number
}

class Reader {
  /** In the order of the document: an alias means the last anchor before it. */
  readonly #anchors = new Map<string, Read>()

  constructor(private readonly placeAt: (offset: number) => Place) {}

  read(node: Node, depth: number, place = this.#placeOf(node)): Read {
    if (depth > MAX_DEPTH) throw inputInvalid(place, `nested deeper than ${MAX_DEPTH}`)
    if (isAlias(node)) return this.#aliased(node.source, place)
    const read = this.#content(node, depth, place)
    if (read.nodes > MAX_NODES) throw inputInvalid(place, `aliases make more than ${MAX_NODES} values of this`)
    // Known from its end on, so that no alias can lie within what it stands for.
    if (node?.anchor) this.#anchors.set(node.anchor, read)
    return read
  }

  #content(node: Node, depth: number, place: Place): Read {
    const read = this.#untagged(node, depth, place)
    return node?.tag === '!reset' ? { ...read, value: { kind: 'null', place } } : read
  }

  #untagged(node: Node, depth: number, place: Place): Read {
    if (isMap<ParsedNode, ParsedNode | null>(node)) return this.#map(node.items, depth, place)
    if (isSeq<ParsedNode>(node)) {
      const items = node.items.map((item) => this.read(item, depth + 1))
      return { value: { kind: 'list', place, items: items.map(({ value }) => value) }, nodes: sum(items) }
    }
    if (!isScalar(node) || isNull(node)) return { value: { kind: 'null', place }, nodes: 1 }
    const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
    return { value: { kind: 'text', place, text }, nodes: 1 }
  }

  #map(pairs: readonly Pair<ParsedNode, ParsedNode | null>[], depth: number, place: Place): Read {
    const entries = new Map<string, LocatedEntry>()
    const merged: Read[] = []
    let nodes = 1
    for (const { key, value } of pairs) {
      const at = this.#placeOf(key)
      const name = this.read(key, depth + 1)
      if (name.value.kind !== 'text') throw inputInvalid(at, 'a key that is not text')
      const read = this.read(value, depth + 1, value === null ? at : undefined)
      nodes += 1 + read.nodes
      const isMerge = name.value.text === '<<' && isScalar(key) && key.type === 'PLAIN'
      if (isMerge) merged.push(read)
      else if (entries.has(name.value.text)) throw inputInvalid(at, `the key ${name.value.text} occurs twice`)
      else entries.set(name.value.text, { place: at, value: read.value })
    }
    for (const { value } of merged) mergeInto(entries, value)
    return { value: { kind: 'map', place, entries }, nodes }
  }

  #aliased(name: string, place: Place): Read {
    const anchored = this.#anchors.get(name)
    if (anchored === undefined) throw inputInvalid(place, `nothing before this is named &${name}`)
    return anchored
  }

  #placeOf(node: Node): Place {
    return this.placeAt(node?.range[0] ?? 0)
  }
}

/** The parser takes what has a tag of Compose's for text. */
function isNull({ value, tag, type, source }: Scalar.Parsed): boolean {
  return value === null || (tag === '!override' && type === 'PLAIN' && /^(?:null|Null|NULL|~|)$/.test(source))
}

/** What a map has itself stands; of several merged maps the first one counts. Spec: yaml.org/type/merge.html. */
function mergeInto(entries: Map<string, LocatedEntry>, merged: Located): void {
  for (const map of merged.kind === 'list' ? merged.items : [merged]) {
    for (const [name, entry] of mergeable(map).entries) if (!entries.has(name)) entries.set(name, entry)
  }
}

function mergeable(value: Located): LocatedMap {
  if (value.kind !== 'map') throw inputInvalid(value.place, '<< merges maps, and this is none')
  return value
}

function sum(reads: readonly Read[]): number {
  return reads.reduce((total, { nodes }) => total + nodes, 1)
}

/** On one line, as the rest of an error. */
function reasonOf(message: string): string {
  return message.split('\n', 1)[0] ?? message
}
