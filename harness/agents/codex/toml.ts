/** What can be written as one TOML value on a command line. */
export type TomlValue = string | number | boolean | readonly TomlValue[] | { readonly [key: string]: TomlValue | undefined }

/** Renders a value as TOML on a single line; keys whose value is undefined are left out. */
export function toToml(value: TomlValue): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (isList(value)) return `[${value.map(toToml).join(',')}]`
  const pairs = Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [`${toKey(key)}=${toToml(item)}`]))
  return `{${pairs.join(',')}}`
}

const isList = (value: TomlValue): value is readonly TomlValue[] => Array.isArray(value)

const toKey = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : quote(key))

/** JSON's escapes are a subset of TOML's, but JSON leaves DEL bare and writes lone surrogates, which TOML forbids. */
const quote = (text: string): string =>
  JSON.stringify(text.replace(/\p{Surrogate}/gu, '\uFFFD')).replaceAll('\u007F', '\\u007F')
