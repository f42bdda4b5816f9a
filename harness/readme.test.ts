import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { optionRows } from './options/describe.ts'
import { verdictClasses } from './verdict.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The text between two comments of README. */
function section(name: string): string {
  return new RegExp(`<!-- ${name}:.*?-->\\n(.*?)<!-- end of ${name} -->`, 's').exec(readme)?.[1] ?? `README has no section ${name}`
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('')

test('README lists every option as the code has it', () => {
  const code = (text: string): string => text === '' ? '' : `\`${text}\``
  expect(section('options')).toBe(table(['variable', 'flag', 'default', 'what'], optionRows().map(({ variable, flag, placeholder, fallback, help }) => [
    code(variable), code(`${flag} ${placeholder}`.trim()), code(fallback), help,
  ])))
})

test('README lists every verdict as the code has it', () => {
  expect(section('verdicts')).toBe(table(['verdict', 'meaning'], Object.entries(verdictClasses).map(([name, meaning]) => [`\`${name}\``, meaning])))
})
