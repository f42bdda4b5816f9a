import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { workspaceDirectories, workspacePaths, type WorkspacePaths } from '../sandbox/workspace-paths.ts'
import { keepEvidence } from './keep-evidence.ts'

let paths: WorkspacePaths
beforeEach(() => {
  paths = workspacePaths(realpathSync(mkdtempSync(join(tmpdir(), 'evidence-'))))
  for (const directory of [...workspaceDirectories(paths), join(paths.root, 'home/x')]) mkdirSync(directory, { recursive: true })
  writeFileSync(join(paths.root, 'home/x/proxy.json'), '{"key":"hunter2"}')
  writeFileSync(join(paths.root, 'home/large'), 'x'.repeat(1024 * 1024 + 1))
  writeFileSync(join(paths.logs, 'a.log'), 'a')
  symlinkSync('/etc/passwd', join(paths.root, 'home/link'))
  symlinkSync('/etc', join(paths.root, 'home/etc'))
  writeFileSync(join(paths.root, 'home/wide'), Buffer.from('hunter2', 'utf16le'))
  writeFileSync(join(paths.root, 'home/latin'), Buffer.from([0x61, 0xff, 0x62]))
  writeFileSync(join(paths.root, 'home/hunter2.json'), '{}')
})
afterEach(() => { rmSync(paths.root, { recursive: true, force: true }) })

const keep = (...evidence: string[]): string[] => keepEvidence(paths, evidence, (text) => text.replaceAll('hunter2', '[redacted]'))

test('a file that would go with the workspace is kept among the logs, without its secrets', () => {
  expect(keep('home/x/proxy.json', join(paths.root, 'home/x/proxy.json'))).toEqual(['logs/evidence/home/x/proxy.json'])
  expect(readFileSync(join(paths.logs, 'evidence/home/x/proxy.json'), 'utf8')).toBe('{"key":"[redacted]"}')
})

test.each([
  ['a log, by its absolute path', (root: string) => join(root, 'logs/a.log'), 'logs/a.log'],
  ['a transcript', () => 'transcripts/none.jsonl', 'transcripts/none.jsonl'],
  ['what is not there', () => 'home/gone.json', 'home/gone.json'],
  ['a directory', () => 'home/x', 'home/x'],
  ['a link, which may lead anywhere', () => 'home/link', 'home/link'],
  ['what is behind a link to a directory of the host', () => 'home/etc/passwd', 'home/etc/passwd'],
  ['a text in UTF-16, whose secrets cannot be found', () => 'home/wide', 'home/wide'],
  ['what is no text', () => 'home/latin', 'home/latin'],
  ['what has a secret in its name', () => 'home/hunter2.json', 'home/hunter2.json'],
  ['what is too large', () => 'home/large', 'home/large'],
  ['a file of the host', () => '/etc/passwd', '/etc/passwd'],
  ['a path out of the workspace', () => '../other', '../other'],
])('%s is only named', (_what, path, named) => {
  expect(keep(path(paths.root))).toEqual([named])
  expect(existsSync(join(paths.logs, 'evidence'))).toBe(false)
})

test('what a later step changed is kept beside what an earlier one saw', () => {
  const file = join(paths.root, 'home/x/proxy.json')
  keep(file)
  expect(keep(file)).toEqual(['logs/evidence/home/x/proxy.json'])
  writeFileSync(file, 'later')
  expect(keep(file)).toEqual(['logs/evidence-2/home/x/proxy.json'])
  expect(readFileSync(join(paths.logs, 'evidence/home/x/proxy.json'), 'utf8')).toContain('key')
  expect(readFileSync(join(paths.logs, 'evidence-2/home/x/proxy.json'), 'utf8')).toBe('later')
})

test.each([
  ['a link to a file', (copy: string, victim: string) => { mkdirSync(dirname(copy), { recursive: true }); symlinkSync(victim, copy) }],
  ['a link to a directory', (copy: string, victim: string) => { mkdirSync(dirname(dirname(copy)), { recursive: true }); symlinkSync(dirname(victim), dirname(copy)) }],
  // Whoever opens it would wait for a reader.
  ['a pipe', (copy: string) => { mkdirSync(dirname(copy), { recursive: true }); execFileSync('mkfifo', [copy]) }],
])('%s in the place of the copy is not written through', (_what, lay) => {
  const victim = join(paths.transcripts, 'proxy.json')
  writeFileSync(victim, 'mine')
  lay(join(paths.logs, 'evidence/home/x/proxy.json'), victim)
  const [kept = ''] = keep('home/x/proxy.json')
  expect(readFileSync(victim, 'utf8')).toBe('mine')
  expect(['home/x/proxy.json', 'logs/evidence-2/home/x/proxy.json']).toContain(kept)
})

test('where nothing can be written, what there was is named', () => {
  writeFileSync(join(paths.logs, 'evidence'), 'in the way')
  expect(keep('home/x/proxy.json')).toEqual(['home/x/proxy.json'])
})
