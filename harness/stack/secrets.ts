/** True for the name of a variable or option whose value is never shown. */
export function isSecretName(name: string): boolean {
  return /TOKEN|SECRET|KEY|PASSWORD|PASSWD|AUTH|CREDENTIAL/i.test(name)
}

/** Shorter values are too common to be hidden wherever they stand. Characters. */
const shortestSecret = 6

/**
 * Hides secrets in a text: the values of secret variables of the given environments wherever they stand, the values of
 * options and assignments with such a name, bearer tokens, and passwords in addresses.
 * @param root paths that begin with it are no secrets, whatever their variable is called
 */
export function hideSecrets(text: string, environments: Iterable<Iterable<readonly [string, string | undefined]>>, root: string): string {
  const values = new Map<string, string>()
  for (const environment of environments) {
    for (const [name, value] of environment) {
      if (value !== undefined && value.length >= shortestSecret && isSecretName(name) && !value.startsWith(root)) values.set(value, name)
    }
  }
  let hidden = text
  // Longest first: one secret may begin with another.
  for (const [value, name] of [...values].sort(([a], [b]) => b.length - a.length)) hidden = hidden.replaceAll(value, `(${name} hidden)`)
  return hidden
    .replaceAll(/\b(Bearer|Basic)\s+(?!\()[\w.~+/=-]{6,}/gi, '$1 (hidden)')
    .replaceAll(/(--?[\w-]*(?:token|secret|key|password|passwd|credential)[\w-]*)(=|\s+)(?![-(])\S+/gi, '$1$2(hidden)')
    .replaceAll(/(["']?\b[\w-]*(?:token|secret|api_?key|password|passwd|credential)["']?\s*[=:]\s*)(?!\()("[^"\n]*"|'[^'\n]*'|[^\s"',;)}]+)/gi, '$1(hidden)')
    .replaceAll(/(:\/\/)[^/\s:@]+:[^/\s@]+@/g, '$1(hidden)@')
}
