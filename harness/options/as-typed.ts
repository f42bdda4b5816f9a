/**
 * A message in the words of whoever typed flags: variables stand in messages because they always work.
 * @param typed variables and the flags that were typed for them, as `typedFlags` wrote them
 */
export function asTyped(message: string, typed: string | undefined): string {
  if (typed === undefined) return message
  const flags = JSON.parse(typed) as Record<string, string>
  return message.replaceAll(/\b(SMOKE_[A-Z0-9_]+)(?:=([^\s;,)]+))?/g, (whole: string, variable: string, value: string | undefined) => {
    const flag = flags[variable]
    if (flag === undefined) return whole
    return value === undefined || value === '1' ? flag : `${flag}${flag.includes(' ') ? '=' : ' '}${value}`
  })
}
