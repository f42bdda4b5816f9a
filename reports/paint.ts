/** Colours of a terminal, or none. */
export interface Paint {
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  bold(text: string): string
  dim(text: string): string
}

/**
 * Colours for a stream. FORCE_COLOR wins over NO_COLOR, as in Node itself; without either, a terminal has colours
 * unless it calls itself dumb.
 */
export function paintFor(env: NodeJS.ProcessEnv, isTerminal: boolean): Paint {
  const wants = coloured(env, isTerminal)
  const paint = (open: number, close: number) => (text: string): string => wants && text !== '' ? `\u001B[${open}m${text}\u001B[${close}m` : text
  return { red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39), bold: paint(1, 22), dim: paint(2, 22) }
}

function coloured(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  const forced = env.FORCE_COLOR
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  return isTerminal && env.TERM !== 'dumb'
}
