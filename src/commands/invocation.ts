import type { CacheOptions, ExportFormat, InputFormat, Moment, PullPolicy } from '../index.js'

/** What the user asks for, parsed. */
export type Invocation =
  | {
      readonly verb: 'pull'
      readonly references: readonly string[]
      readonly platforms?: readonly string[]
      readonly pull?: PullPolicy
      readonly referrers?: boolean
    }
  | {
      readonly verb: 'warm'
      readonly references: readonly string[]
      readonly files?: readonly string[]
      readonly format?: InputFormat
      readonly ignoreBuildable?: boolean
      readonly platforms?: readonly string[]
      readonly pull?: PullPolicy
      readonly locked?: string
      readonly referrers?: boolean
      readonly failFast: boolean
      readonly dryRun: boolean
    }
  | {
      readonly verb: 'lock'
      readonly files: readonly string[]
      readonly format?: InputFormat
      readonly ignoreBuildable?: boolean
      readonly platforms?: readonly string[]
      readonly output?: string
      readonly update: boolean
    }
  | {
      readonly verb: 'export'
      readonly references: readonly string[]
      readonly output: string
      readonly format?: ExportFormat
      readonly platform?: string
      readonly name?: string
      readonly referrers?: boolean
    }
  | {
      readonly verb: 'push'
      readonly references: readonly string[]
      readonly remoteName?: string
      readonly platform?: string
      readonly archTags: boolean
      readonly referrers?: boolean
      readonly override: boolean
    }
  | {
      readonly verb: 'import'
      readonly sources: readonly string[]
      readonly name?: string
      readonly prefix?: string
      readonly force?: boolean
      readonly compress?: boolean
    }
  | {
      readonly verb: 'copy'
      readonly references: readonly string[]
      readonly to: string
      readonly force?: boolean
      readonly referrers?: boolean
    }
  | { readonly verb: 'ls'; readonly at?: Moment }
  | { readonly verb: 'inspect'; readonly reference: string }
  | {
      readonly verb: 'rm'
      readonly references: readonly string[]
      readonly publishedOnly: boolean
      readonly force: boolean
    }
  | { readonly verb: 'clean'; readonly publishedOnly: boolean; readonly force: boolean }
  | { readonly verb: 'gc'; readonly keepBytes?: number; readonly keepNewerMs?: number; readonly dryRun: boolean }
  | { readonly verb: 'pin' | 'unpin'; readonly references: readonly string[] }
  | { readonly verb: 'log'; readonly after: number; readonly since?: Moment; readonly follow: boolean }
  | { readonly verb: 'compact'; readonly keep?: number }
  | { readonly verb: 'diff'; readonly from: Moment; readonly to?: Moment }
  | { readonly verb: 'restore'; readonly references: readonly string[]; readonly at: Moment }
  | { readonly verb: 'verify'; readonly quick?: true; readonly repair?: true; readonly rebuild?: true }

/** `auto`: `tty` where standard error is a terminal, else `plain`. */
export type ProgressMode = (typeof PROGRESS_MODES)[number]
export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json', 'none'] as const

/** How results and messages are shown. */
export interface OutputOptions {
  readonly json: boolean
  /** Nothing on standard error but errors. */
  readonly quiet: boolean
  /** Errors with stack and causes. */
  readonly verbose: boolean
  readonly progress: ProgressMode
}

/** A whole command line, or the text that it asks for instead of a command. */
export type CommandLine =
  | {
      readonly kind: 'run'
      readonly invocation: Invocation
      readonly cache: CacheOptions
      readonly output: OutputOptions
    }
  | { readonly kind: 'text'; readonly text: string }
