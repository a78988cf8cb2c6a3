/**
 * File systems on which locks, renames or fsync promise less than on a local disk, by the number that statfs gives.
 * From statfs(2), linux/magic.h and the sources of those that are not in the kernel.
 */
const BY_MAGIC: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0xaad7aaea, 'PanFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'VirtualBox shared folder'],
])

/** All file systems that are programs share one number: the local ones among them (overlays, encryption, NTFS) are welcome. */
export const FUSE_MAGIC = 0x65735546
const REMOTE_FUSE =
  /^(?:virtiofs|fuse\.(?:sshfs|s3fs|gcsfuse|goofys|mountpoint-s3|blobfuse2?|rclone|glusterfs|ceph|juicefs|mfs|davfs2?|curlftpfs|smbnetfs|seaweedfs|grpcfuse|osxfs))$/

/**
 * Pure: what a network file system is called; undefined for a local one, and for one that nobody has heard of.
 * @param magic `type` of statfs.
 * @param mountType as in /proc/self/mountinfo; needed for {@link FUSE_MAGIC} alone.
 */
export function networkFileSystem(magic: number, mountType?: string): string | undefined {
  const unsigned = magic >>> 0
  if (unsigned !== FUSE_MAGIC) return BY_MAGIC.get(unsigned)
  return mountType !== undefined && REMOTE_FUSE.test(mountType) ? mountType.replace(/^fuse\./, '') : undefined
}

/**
 * Pure: the type of the mounted file system with this device number, out of /proc/self/mountinfo.
 * Grammar: proc(5), `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
 */
export function mountTypeOf(mountinfo: string, device: string): string | undefined {
  const line = mountinfo.split('\n').find((text) => text.split(' ', 3)[2] === device)
  return line === undefined ? undefined : / - (\S+) /.exec(line)?.[1]
}
