/** What stands below the list of commands and options. Exit codes: the table ERRORS. */
export const HELP = `
Examples:
  hearth pull alpine redis:7                     the platform this machine runs
  hearth pull --platform linux/arm64 alpine      another one; repeatable, or: all
  hearth pull --pull newer alpine                one request tells whether the tag has moved
  hearth --cache /var/cache/images ls --json     common options stand before or after the command
  hearth pull --referrers alpine                 also signatures, attestations, bills of materials
  hearth pull --mirror https://mirror.example.com alpine
  hearth pull --tls-verify registry.lan:5000=false registry.lan:5000/app:1
  hearth warm -f compose.yml -f images.txt       everything that files name, as one job
  hearth export alpine redis:7 -o images.tar     an OCI archive to carry elsewhere
  hearth push registry.lan:5000/app:1.0          what the registry lacks of it
  hearth verify                                  re-hash everything

Results go to standard output, progress and messages to standard error. With --json they are one document:
  pull {results}, warm {results, totals}, warm --dry-run {images, totals},
  lock {lock, written, changes, failures}, export {format, images, referrers, blobs, bytes}, import {results},
  copy {images, referrers, blobs, bytes},
  push {results}, ls {references}, inspect {reference, root, totalBytes, presentBytes, referrers},
  rm and clean {removed, kept, removedBlobs, freedBytes},
  gc {dryRun, evicted, removed, removedBlobs, freedBytes, keptBlobs, keptBytes, overBudgetBytes},
  pin and unpin {changed, unchanged, failed}, diff {from, to, added, removed, moved}, restore {restored, failed},
  log --compact {records, archives},
  verify {blobs, bytes, references, events, problems};
  {error: {code, message, details}} when the whole command failed. For log it is one record a line.

Progress is a block on a terminal and lines elsewhere, or what --progress says; pull, warm, push, verify, export and
import have it. With --progress json each line is an event: {at, type, ...}; job-progress has the totals of pull and warm.
README.md lists the types.

Exit codes:
    0  done
    1  several images failed, for different reasons
    2  the command line, a reference or an option makes no sense
    3  no such reference, platform, manifest, blob or cache
    4  content is not what it claims to be, or verify found problems
    5  the network, or the registry behind it
    6  the event log is busy or damaged
    7  not logged in, not allowed, or pinned
    8  the disk is full, read-only or failing
    9  the name stands for another image, and is not replaced
   10  verify found problems, and repaired all of them
   70  a defect in hearth
  129, 130, 143  stopped by SIGHUP, SIGINT (Ctrl-C), SIGTERM; what was downloaded is kept
`

export const PULL_HELP = `
A bare --pull means always: "hearth pull --pull alpine" asks the registry for alpine.

  missing  ask the registry only for names that the cache lacks (default)
  newer    ask whether the name stands for another digest now
  always   resolve and check everything anew; blobs that are present are not fetched again
  never    only look into the cache
`

export const VERIFY_HELP = `
Without options nothing is changed, and nobody waits.

  --quick      reads no blob: a file of the right size counts as right
  --repair     takes damaged blobs away and fetches these again, from the registries of the images that need them; sets rights,
               writes index.json again. What was wrong is kept under .hearth/quarantine/. Needs the network for blobs alone.
  --rebuild    for a damaged log: makes a new one from index.json and the blobs that are right. No reference is lost, the
               history is; the damaged log is kept under .hearth/damaged/. A sound log is left alone.

Exit codes: 0 nothing was wrong, 10 all that was wrong is repaired, 4 something still is.
`

export const WARM_HELP = `
Files are told apart by their content:

  lines        one image a line: REFERENCE [PLATFORM,...]; # begins a comment
  linuxkit     kernel, init, onboot, onshutdown, services and volumes
  compose      services' images and platforms; variables come from the environment
  kubernetes   every image of every pod spec, in several documents and lists
  skopeo-sync  registries, repositories, tags; every tag, tags by pattern or version range
  lock         what "hearth lock" wrote: exactly those digests

An image that several files name is pulled once, with the platforms of all of them. A broken file ends the command
before anything is fetched. Files that a Compose file includes or extends are not read. Of a service with both build and
image the image is pulled, as Compose does; with --ignore-buildable it is left, and --dry-run names it.
`

export const PUSH_HELP = `
  hearth push registry.lan:5000/app:1.0                      to the registry in its name
  hearth push alpine --remote-name registry.lan:5000/alpine:3
  hearth push app:1 --platform linux/arm64                   one platform, as a plain image

Only what the registry lacks is sent; what another of its repositories has is mounted from there. A registry takes no
index whose platforms are not all there: pull with --platform all first, or push one platform alone. A name that stands
for another image in the registry is left alone, unless --override says so.
`

export const LOCK_HELP = `
  hearth lock compose.yml -o hearth.lock       the digest of every image in compose.yml
  hearth warm -f compose.yml --locked hearth.lock     exactly these, whatever the tags name now
  hearth lock --update -o hearth.lock          resolve its names again, and show what moved

With --update, lines begin with + (added), - (removed) or ~ (changed). When a name cannot be resolved, nothing is written.
`

export const EXPORT_HELP = `
  oci         an OCI archive: several images, with their indexes as they are (default)
  oci-dir     the same files in a new folder
  docker      an archive for docker load and podman load; an OCI archive as well
  filesystem  the root file system of one image, as a tar archive

  hearth export alpine redis:7 -o images.tar            what is here of both
  hearth export alpine --platform all -o alpine.tar     every platform of the index, or an error that names what is missing
  hearth export alpine --format docker -o - | docker load
  hearth export alpine --no-referrers -o alpine.tar     for tools that take archives of one manifest alone: podman load

The same images give the same bytes. A blob that is damaged in the cache ends the export, and no file is left.
`

export const IMPORT_HELP = `
What a source is shows in its content; archives may be compressed with gzip or zstd. Names are those of
io.containerd.image.name, org.opencontainers.image.ref.name or RepoTags. A source that says only a tag needs a name:

  hearth import images.tar                              an OCI archive or one of docker save
  docker save app | hearth import -                     without a copy of the archive
  hearth import ~/layout --prefix example.com/mirror    latest becomes example.com/mirror:latest
  hearth import app.tar --name example.com/app:1

A source is taken as a whole or not at all. A name that stands for another image here is not replaced without --force.
`

export const GC_HELP = `
Without a budget only what nothing needs goes: blobs without a reference, leftovers of killed pulls and of other tools,
partial downloads that nobody has gone on with for a day.

  hearth gc --keep-bytes 20GiB                    least recently used references go until the rest fits
  hearth gc --keep-newer 7d                       what was not used for a week goes
  hearth gc --keep-bytes 20GiB --keep-newer 7d    what was used within a week stays, even if the rest does not fit
  hearth pin redis:7                              never evicted, whatever the tag comes to name

A pull, import, inspect, export or copy counts as use, also when all of the image was there. A blob that several images share
counts once.
Sizes: B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024). Durations: 2w, 7d, 12h, 90m, 30s, 1d12h.
gc is safe beside pulls, and can be killed and run again.
`

export const HISTORY_HELP = `
A moment is one of:
  57                         a position of the log: what was true after that record
  2026-01-02 15:04           a time of this machine; with Z or +01:00 of that zone; a date alone is its first minute
  12h                        how long ago: 2w, 7d, 12h, 90m, 30s, 1d12h

  hearth log --since 1h --follow
  hearth ls --at 2026-01-02
  hearth diff 7d                          what came (+), went (-) and moved (~) within a week
  hearth restore redis:7 --at 7d          while its blobs are still here; a pin or a tag keeps them
  hearth log --compact                    moves old records to .hearth/archive/; log, ls --at and verify go on reading them
`
