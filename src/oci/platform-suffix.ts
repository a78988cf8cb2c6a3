/**
 * What follows an image's name to name one of its platforms, as LinuxKit does: `linux/arm64/v8` is `arm64` and
 * `linux/arm/v7` is `armv7`; other systems than Linux come first: `windows-amd64`.
 */
export function platformSuffix(platform: string): string {
  const [os = '', architecture = '', variant = ''] = platform.replace(/:.*$/, '').split('/')
  const system = os === 'linux' ? '' : `${os}-`
  return `${system}${architecture}${architecture === 'arm64' && variant === 'v8' ? '' : variant}`
}
