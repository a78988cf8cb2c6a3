/** What an image can be written as. */
export type ExportFormat = 'oci' | 'oci-dir' | 'docker' | 'filesystem'
export const EXPORT_FORMATS: readonly ExportFormat[] = ['oci', 'oci-dir', 'docker', 'filesystem']
