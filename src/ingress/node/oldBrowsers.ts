/**
 * Browsers that take `SameSite=None` for `Strict`, or refuse cookies with it (https://www.chromium.org/updates/same-site/incompatible-clients):
 * all of iOS 12, Safari and programs with its engine on macOS 10.14, Chromium 51 to 66, and UC Browser before 12.13.2. By what they
 * call themselves; for JavaScript's regular expressions as for PCRE's.
 */
export const oldBrowserPatterns: readonly string[] = [
  '\\(iP[^()]*; CPU [^()]*OS 12[_\\d]*[^()]*\\) AppleWebKit/',
  '\\(Macintosh;[^()]*Mac OS X 10_14[_\\d]*[^()]*\\) AppleWebKit/[.\\d]+ \\(KHTML, like Gecko\\)(?: Version/[.\\d]+ Safari/[.\\d]+)?$',
  '^(?!.{0,512}UCBrowser/).{0,512}Chrom(?:e|ium)/(?:5[1-9]|6[0-6])\\.',
  'UCBrowser/(?:\\d|1[01]|12\\.(?:\\d|1[0-2])|12\\.13\\.[01])(?:\\.|$| )',
]

/** What follows is not looked at. */
export const longestBrowserName = 512

const patterns = oldBrowserPatterns.map((text) => new RegExp(text))

/** Whether a browser that calls itself so is one of them. */
export function isOldBrowser(userAgent: string | undefined): boolean {
  const name = userAgent?.slice(0, longestBrowserName)
  return name !== undefined && patterns.some((pattern) => pattern.test(name))
}
