import { type CacheOptions, DEFAULTS } from '../index.js'
import { type OutputOptions, PROGRESS_MODES } from './invocation.js'
import { collect, wholeNumber } from './option-values.js'
import { insecureHosts } from './tls-verify.js'
import { Command, Option } from './typed-commander.js'

/** The options that every command takes, before and after its name. Values left out are absent: the library decides. */
export function createProgram() {
  return new Command('hearth')
    .optionsGroup('Cache:')
    .option('--cache <dir>', 'cache folder (default: $HEARTH_CACHE, $LINUXKIT_CACHE, ~/.linuxkit/cache)')
    .addOption(
      new Option(
        '--durability <mode>',
        `fsync each blob, or leave it to the system (default: ${DEFAULTS.durability})`,
      ).choices(['full', 'relaxed'] as const),
    )
    .option('--allow-network-fs', 'write to a cache on NFS, SMB and the like, which promise too little')
    .option(
      '--lock-timeout <seconds>',
      `how long to wait for another process (default: ${DEFAULTS.lockTimeoutMs / 1000})`,
      wholeNumber(0),
    )
    .optionsGroup('Registries:')
    .option(
      '-j, --jobs <n>',
      `blobs and requests at once for each registry (default: ${DEFAULTS.jobs})`,
      wholeNumber(1),
    )
    .option('--retries <n>', `retries without progress (default: ${DEFAULTS.retry.retries})`, wholeNumber(0))
    .option('--mirror <[registry=]url>', 'ask this first; docker.io without registry; repeatable', collect)
    .option('--authfile <file>', 'credentials (default: $REGISTRY_AUTH_FILE, then where Docker and Podman keep them)')
    .option('--tls-verify <[host=]bool>', 'check certificates, of one host or of all; repeatable', collect)
    .option('--plain-http <host>', 'speak HTTP without TLS to this host, or * for all; repeatable', collect)
    .option('--ca-file <file>', 'further certificate authorities (PEM); repeatable', collect)
    .option('--cert-file <file>', 'client certificate (PEM)')
    .option('--key-file <file>', 'key of the client certificate (PEM)')
    .optionsGroup('Output:')
    .option('--json', 'one JSON document on standard output; JSON lines for log')
    .option('-q, --quiet', 'no progress and no messages, only results and errors')
    .option('-v, --verbose', 'show the causes of errors')
    .addOption(
      new Option('--progress <mode>', 'how progress is shown on standard error (default: auto)').choices(
        PROGRESS_MODES,
      ),
    )
    .option('--no-progress', 'the same as --progress none')
}

/** Their values as parsed. */
export type CommonOptions = ReturnType<ReturnType<typeof createProgram>['opts']>

/** What of them the library is told. @throws HearthError USAGE when --tls-verify values contradict one another. */
export function cacheOptionsOf(options: CommonOptions): CacheOptions {
  const {
    cache,
    durability,
    allowNetworkFs,
    lockTimeout,
    jobs,
    retries,
    mirror,
    authfile,
    tlsVerify,
    plainHttp,
    caFile,
    certFile,
    keyFile,
  } = options
  return {
    ...(cache !== undefined && { path: cache }),
    ...(durability !== undefined && { durability }),
    ...(allowNetworkFs && { allowNetworkFs }),
    ...(lockTimeout !== undefined && { lockTimeoutMs: lockTimeout * 1000 }),
    ...(jobs !== undefined && { jobs }),
    ...(retries !== undefined && { retry: { retries } }),
    ...(mirror !== undefined && { mirrors: mirror }),
    ...(authfile !== undefined && { authFile: authfile }),
    ...(tlsVerify !== undefined && { insecureHosts: insecureHosts(tlsVerify) }),
    ...(plainHttp !== undefined && { plainHttpHosts: plainHttp }),
    ...(caFile !== undefined && { caFiles: caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  }
}

/** What of them is for the command line itself. */
export function outputOptionsOf({ json, quiet, verbose, progress }: CommonOptions): OutputOptions {
  return {
    json: json === true,
    quiet: quiet === true,
    verbose: verbose === true,
    progress: progress === false || quiet === true ? 'none' : typeof progress === 'string' ? progress : 'auto',
  }
}
