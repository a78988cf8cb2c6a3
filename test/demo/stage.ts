import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../bundle/cli.js', import.meta.url))

/** The demo cannot go on, for a reason that is already on the screen or in the message. */
export class DemoFailed extends Error {}

/** Where the demo happens: prints what it does, and runs the real command line in a folder. */
export class Stage {
  readonly #folder: string
  readonly #signal: AbortSignal
  readonly #colours = process.stdout.isTTY === true && !process.env.NO_COLOR

  constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder
    this.#signal = signal
  }

  /** A heading: what the next command shows. */
  step(text: string): void {
    process.stdout.write(`\n${this.#style('1', `# ${text}`)}\n`)
  }

  say(text: string): void {
    process.stdout.write(`${text}\n`)
  }

  /**
   * Runs `hearth` with these words and shows its output as it comes.
   * @throws DemoFailed when it does not exit with 0.
   */
  async hearth(...words: readonly string[]): Promise<void> {
    this.#signal.throwIfAborted()
    process.stdout.write(`${this.#style('36', `$ hearth ${words.join(' ')}`)}\n`)
    const started = performance.now()
    const child = spawn(process.execPath, [CLI, ...words], {
      cwd: this.#folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const code = await this.#end(child)
    this.#signal.throwIfAborted()
    if (code !== 0) throw new DemoFailed(`hearth ${words[0]} ended with ${code}`)
    this.say(this.#style('2', `(${Math.round(performance.now() - started)} ms)`))
  }

  /** Resolves once the command is gone, also when the demo is stopped: then it may still write into the folder. */
  async #end(child: ChildProcess): Promise<number | null> {
    const stop = (): void => void child.kill('SIGTERM')
    this.#signal.addEventListener('abort', stop)
    try {
      const [code] = await once(child, 'exit')
      return code
    } finally {
      this.#signal.removeEventListener('abort', stop)
    }
  }

  #style(code: string, text: string): string {
    return this.#colours ? `\x1b[${code}m${text}\x1b[0m` : text
  }
}
