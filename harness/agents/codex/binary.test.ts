import { chmod, mkdir, mkdtemp, realpath, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { expect, test as base } from 'vitest'
import { PrerequisiteError } from '../../errors.ts'
import { resolveCodex } from './binary.ts'

const test = base.extend<{ root: string }>({
  root: async ({}, use) => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'binary-test-')))
    await use(root)
    await rm(root, { recursive: true, force: true })
  },
})

async function put(path: string, { size = 0, mode = 0o755, text = '' } = {}): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  if (size > 0) await truncate(path, size)
  await chmod(path, mode)
  return path
}

const native = { size: 2_000_000 }
const scope = 'node_modules/@openai'

async function putPackage(root: string, vendored: readonly string[]): Promise<void> {
  await put(join(root, scope, 'codex/package.json'), { text: '{"name":"@openai/codex"}', mode: 0o644 })
  await put(join(root, scope, 'codex/bin/codex.js'))
  for (const path of vendored) {
    await put(join(root, scope, path), native)
    const [name = ''] = path.split('/')
    if (name !== 'codex') await put(join(root, scope, name, 'package.json'), { text: '{"name":"@openai/codex"}', mode: 0o644 })
  }
}

const layouts = [
  { layout: 'one package for all platforms (to 0.98)', arch: 'x64', found: 'codex/vendor/x86_64-unknown-linux-musl/codex/codex', others: ['codex/vendor/aarch64-unknown-linux-musl/codex/codex', 'codex/vendor/aarch64-apple-darwin/codex/codex'] },
  { layout: 'the same on arm64', arch: 'arm64', found: 'codex/vendor/aarch64-unknown-linux-musl/codex/codex', others: ['codex/vendor/x86_64-unknown-linux-musl/codex/codex'] },
  { layout: 'a package for each platform (0.100 to 0.130)', arch: 'x64', found: 'codex-linux-x64/vendor/x86_64-unknown-linux-musl/codex/codex', others: [] },
  { layout: 'the same with bin (from 0.150)', arch: 'x64', found: 'codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex', others: ['codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex-code-mode-host'] },
  { layout: 'the same on arm64 with bin', arch: 'arm64', found: 'codex-linux-arm64/vendor/aarch64-unknown-linux-musl/bin/codex', others: [] },
]

for (const { layout, arch, found, others } of layouts) {
  test(`finds the native binary of ${layout}`, async ({ root }) => {
    await putPackage(root, [...others, found])
    expect(resolveCodex(undefined, { from: join(root, 'x.js'), path: '', arch })).toBe(join(root, scope, found))
  })

  test(`finds the native binary behind a launcher on PATH, in ${layout}`, async ({ root }) => {
    await putPackage(join(root, 'lib'), [...others, found])
    await mkdir(join(root, 'bin'))
    await symlink(join(root, 'lib', scope, 'codex/bin/codex.js'), join(root, 'bin/codex'))
    expect(resolveCodex(undefined, { from: join(root, 'x.js'), path: `/nowhere::${join(root, 'bin')}`, arch })).toBe(join(root, 'lib', scope, found))
  })
}

test('an explicit file is taken as it is, also a script, also relative', async ({ root }) => {
  const script = await put(join(root, 'my-codex'), { text: '#!/bin/sh\n' })
  expect(resolveCodex(script)).toBe(script)
  expect(resolveCodex(relative(process.cwd(), script))).toBe(script)
})

test('a codex on PATH that is no npm launcher is taken as it is', async ({ root }) => {
  const file = await put(join(root, 'bin/codex'), { text: '#!/bin/sh\n' })
  expect(resolveCodex(undefined, { from: join(root, 'x.js'), path: join(root, 'bin') })).toBe(file)
})

test('the Codex that this project depends on is found', () => {
  expect(resolveCodex()).toMatch(/@openai\/codex-linux-.*\/codex$/)
})

test('a small file named codex is no binary', async ({ root }) => {
  await putPackage(root, [])
  await put(join(root, scope, 'codex/vendor/x86_64-unknown-linux-musl/codex/codex'))
  expect(() => resolveCodex(undefined, { from: join(root, 'x.js'), path: '', arch: 'x64' })).toThrow(/holds no binary for linux x64 .*--omit=optional/)
})

test('what is missing is said with what to type', async ({ root }) => {
  const text = await put(join(root, 'text'), { mode: 0o644 })
  const cases: [() => string, RegExp][] = [
    [() => resolveCodex(join(root, 'nothing')), /nothing does not exist\n {2}next: correct the path/],
    [() => resolveCodex(text), /text is not an executable file/],
    [() => resolveCodex(root), /is not an executable file/],
    [() => resolveCodex(undefined, { from: join(root, 'x.js'), path: root }), /@openai\/codex is not installed and no `codex` is on PATH\n {2}next: npm install --save-dev @openai\/codex/],
  ]
  for (const [work, message] of cases) {
    expect(work).toThrow(message)
    expect(work).toThrow(PrerequisiteError)
  }
})
