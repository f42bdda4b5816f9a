import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { globSync } from 'tinyglobby'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const find = (pattern: string): string[] => globSync(pattern, { cwd: root, ignore: ['**/node_modules/**', 'dist/**', 'smoke-results/**'] })

test('no test of clone-smoke itself is caught by a filter meant for lanes', () => {
  const lanes = find('suites/*/*.smoke.ts').map((file) => /([^/]+)\.smoke\.ts$/.exec(file)?.[1] ?? '')
  expect(lanes).toEqual(expect.arrayContaining(['bootstrap', 'install', 'remove']))
  const caught = find('**/*.test.ts').filter((file) => ['smoke', ...lanes.map((lane) => `${lane}.smoke`)].some((filter) => file.includes(filter)))
  expect(caught).toEqual([])
})

test('imports run one way, and the harness knows no suite and no report', () => {
  const importsOf = (file: string): string[] => [...readFileSync(`${root}/${file}`, 'utf8').matchAll(/from '(\.[^']+)'/g)].map(([, path]) => new URL(path ?? '', `file:///${file}`).pathname)
  const wrong = (folder: string, forbidden: readonly string[]): string[] =>
    find(`${folder}/**/*.ts`).filter((file) => !file.endsWith('.test.ts') && !file.includes('/testing/'))
      .flatMap((file) => importsOf(file).filter((path) => forbidden.some((name) => path.startsWith(`/${name}/`))).map((path) => `${file} imports ${path}`))
  expect(wrong('harness', ['suites', 'helpers', 'reports'])).toEqual([])
  expect(wrong('helpers', ['suites', 'reports'])).toEqual([])
  expect(wrong('reports', ['suites', 'helpers'])).toEqual([])
  const named = find('{harness,reports,helpers}/**/*.ts').filter((file) => !/\.test\.ts$|\/testing\//.test(file))
    .filter((file) => /['"`/](reference|stelae|agent-orchestrator)['"`/]/.test(readFileSync(`${root}/${file}`, 'utf8')))
  expect(named).toEqual([])
})
