import { expect, test } from 'vitest'
import { toToml, type TomlValue } from './toml.ts'

const cases: readonly (readonly [string, TomlValue, string])[] = [
  ['a plain string', 'node', '"node"'],
  ['an empty string', '', '""'],
  ['quotes of both kinds', `a "b" 'c'`, String.raw`"a \"b\" 'c'"`],
  ['backslashes, also the last', 'C:\\dir\\', String.raw`"C:\\dir\\"`],
  ['line ends and tabs', 'a\n\r\tb', String.raw`"a\n\r\tb"`],
  ['a control character', 'a\u0001b', String.raw`"a\u0001b"`],
  ['DEL, which JSON leaves bare', 'a\u007Fb', String.raw`"a\u007Fb"`],
  ['letters beyond ASCII', '/päth/日本語/😀', '"/päth/日本語/😀"'],
  ['half a surrogate pair', 'a\uD83D', '"a\uFFFD"'],
  ['what looks like TOML', 'a=b,c]} #d', '"a=b,c]} #d"'],
  ['numbers and booleans', [1, 1.5, true, false], '[1,1.5,true,false]'],
  ['a table, without what is undefined', { command: 'node', args: ['x'], mode: undefined, env: {} }, '{command="node",args=["x"],env={}}'],
  ['a key that is not bare', { 'a.b "c"': 1 }, String.raw`{"a.b \"c\""=1}`],
]

test.each(cases)('%s', (_, value, toml) => {
  expect(toToml(value)).toBe(toml)
  expect(toToml(value)).not.toContain('\n')
})
