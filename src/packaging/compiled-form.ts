/**
 * A compiled form as it stands in its file, behind a checksum of four bytes. V8 checks the version, the flags and the length of
 * what it is given, but not the bytes: a single wrong one ends the process.
 */
const CHECKSUM_BYTES = 4

/** Pure. */
export function sealForm(form: Uint8Array): Buffer {
  const sealed = Buffer.alloc(CHECKSUM_BYTES + form.length)
  sealed.set(form, CHECKSUM_BYTES)
  sealed.writeInt32LE(checksumOf(sealed))
  return sealed
}

/** Pure. Undefined when it is not as it was sealed. */
export function openForm(sealed: Buffer): Buffer | undefined {
  if (sealed.length <= CHECKSUM_BYTES || sealed.readInt32LE() !== checksumOf(sealed)) return undefined
  return sealed.subarray(CHECKSUM_BYTES)
}

/** Against accidents alone, and fast from the first call: Node's hashes would have to be loaded. */
function checksumOf(sealed: Buffer): number {
  const end = sealed.length - (sealed.length % 4)
  // A copy where the buffer is a part of a larger one: words have to be aligned.
  const bytes = sealed.byteOffset % 4 === 0 ? sealed : Buffer.from(Uint8Array.from(sealed).buffer)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, end / 4)
  let sum = sealed.length
  for (let at = 1; at < words.length; at++) sum = (Math.imul(sum, 31) + (words[at] ?? 0)) | 0
  for (let at = end; at < sealed.length; at++) sum = (Math.imul(sum, 31) + (sealed[at] ?? 0)) | 0
  return sum
}
