import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  ['what is too large', () => 'home/large', 'home/large'],
  ['a file of the host', () => '/etc/passwd', '/etc/passwd'],
  ['a path out of the workspace', () => '../other', '../other'],
])('%s is only named', (_what, path, named) => {
  expect(keep(path(paths.root))).toEqual([named])
  expect(existsSync(join(paths.logs, 'evidence'))).toBe(false)
})

test('where nothing can be written, what there was is named', () => {
  writeFileSync(join(paths.logs, 'evidence'), 'in the way')
  expect(keep('home/x/proxy.json')).toEqual(['home/x/proxy.json'])
})
