/**
 * Runs the bundled command once, and writes down what V8 has compiled of it by then, for launch-command.ts: with the functions
 * that a pull calls, not only with what loading it takes. Processor time, medians of 15 in turns: `pull --pull always` of an image that
 * is present 346 ms instead of 384, the first pull of one 706 instead of 769, `ls` the same; the form is 1.4 MB instead of 0.4.
 *
 *     node practice-run.js dist/bundle/hearth.js pull …
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname } from 'node:path'
import { Script } from 'node:vm'
import { sealForm } from './compiled-form.js'

const [node = '', , file = '', ...words] = process.argv
process.argv = [node, file, ...words]
const script = new Script(Module.wrap(readFileSync(file, 'utf8')), { filename: file })
process.on('exit', (exitCode) => {
  if (exitCode === 0) writeFileSync(`${file}.compiled`, sealForm(script.createCachedData()))
})
script.runInThisContext()({}, createRequire(file), {}, file, dirname(file))
