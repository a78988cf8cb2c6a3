/** What a file of images may be. Without a word from the user its content decides. */
export type InputFormat = 'lines' | 'lock' | 'linuxkit' | 'compose' | 'kubernetes' | 'skopeo-sync'
export const INPUT_FORMATS: readonly InputFormat[] = [
  'lines',
  'lock',
  'linuxkit',
  'compose',
  'kubernetes',
  'skopeo-sync',
]
