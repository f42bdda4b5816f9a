/** The lane a file belongs to: `start.smoke.ts` -> `start`. Undefined for other files. */
export function laneOfFile(path: string): string | undefined {
  return /(?:^|[/\\])([^/\\]+)\.smoke\.[cm]?[jt]s$/.exec(path)?.[1]
}
