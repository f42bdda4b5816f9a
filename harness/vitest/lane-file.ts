/** The lane a file belongs to: `suites/reference/install.smoke.ts` -> `install`. Undefined for other files. */
export function laneOfFile(path: string): string | undefined {
  return /(?:^|[/\\])([^/\\]+)\.smoke\.[cm]?[jt]s$/.exec(path)?.[1]
}
