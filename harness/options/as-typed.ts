/**
 * A message in the words of whoever typed flags: variables stand in messages because they always work.
 * @param typed variables and the flags that were typed for them, as `typedFlags` wrote them
 */
export function asTyped(message: string, typed: string | undefined): string {
  if (typed === undefined) return message
  const flags = readFlags(typed)
  return message.replaceAll(/\b(SMOKE_[A-Z0-9_]+)(?:=([^\s;,)]+))?/g, (whole: string, variable: string, value: string | undefined) => {
    const flag = flags[variable]
    if (flag === undefined) return whole
    return value === undefined || value === '1' ? flag : `${flag}${flag.includes(' ') ? '=' : ' '}${value}`
  })
}

function readFlags(typed: string): Partial<Record<string, string>> {
  try {
    return JSON.parse(typed) as Partial<Record<string, string>>
  } catch {
    // Somebody else has set the variable: the message matters more.
    return {}
  }
}
