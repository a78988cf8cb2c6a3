#!/usr/bin/env node
/**
 * What runs first: the command, compiled beforehand. Parsing its one large file took 30 ms of a processor, a quarter of
 * what `hearth ls` costs. V8 takes the compiled form only if it was made by the same version with the same flags, from a source
 * of the same length (both are always made together); else it compiles as ever, so one that is missing or damaged costs only time.
 */
import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { openForm } from './compiled-form.js'

// In the bundle: this file becomes its cli.js.
const file = fileURLToPath(new URL('../../hearth.js', import.meta.url))
const source = Module.wrap(readFileSync(file, 'utf8'))
const sealed = readIfThere(`${file}.compiled`)
const cachedData = sealed && openForm(sealed)
const script = new Script(source, { filename: file, ...(cachedData && { cachedData }) })
script.runInThisContext()({}, createRequire(file), {}, file, dirname(file))

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    // Whatever is wrong with it: without it the command works as well.
    return undefined
  }
}
