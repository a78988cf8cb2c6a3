import { formatBytes, formatDuration } from './units.js'

export interface Pace {
  readonly bytes: number
  /** Absent while nobody knows the end. */
  readonly totalBytes?: number
}

/** `1.2 GiB of 3.4 GiB`, `560.0 MiB/s`, `4.0 s left`: as many of them as are known. */
export function paceParts({ bytes, totalBytes }: Pace, elapsedMs: number): readonly string[] {
  const rate = elapsedMs > 0 ? (bytes * 1000) / elapsedMs : 0
  const left = (totalBytes ?? bytes) - bytes
  return [
    totalBytes === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`,
    ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
    ...(rate > 0 && left > 0 ? [`${formatDuration((left / rate) * 1000)} left`] : []),
  ]
}
