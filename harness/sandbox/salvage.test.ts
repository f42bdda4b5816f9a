import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { salvageEvidence } from './salvage.ts'

let dir = ''
let workspace = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'salvage-'))
  workspace = join(dir, 'workspace')
  mkdirSync(join(workspace, 'logs'), { recursive: true })
  return () => { rmSync(dir, { recursive: true, force: true }) }
})

test('evidence is saved without links and pipes, which may lead anywhere or wait for ever', () => {
  writeFileSync(join(workspace, 'logs', 'a.log'), 'text')
  symlinkSync('/etc/hostname', join(workspace, 'logs', 'link'))
  execFileSync('mkfifo', [join(workspace, 'logs', 'pipe')])
  writeFileSync(join(workspace, 'state.json'), '{}')
  expect(salvageEvidence(workspace, join(dir, 'results'))).toEqual([])
  expect(readdirSync(join(dir, 'results'), { recursive: true }).toSorted()).toEqual(['logs', 'logs/a.log'])
})

test('a file that cannot be copied costs no other', () => {
  for (const name of ['a.log', 'b.log', 'c.log']) writeFileSync(join(workspace, 'logs', name), name)
  mkdirSync(join(dir, 'results', 'logs', 'b.log'), { recursive: true })
  expect(salvageEvidence(workspace, join(dir, 'results'))).toEqual([{ file: 'logs/b.log', why: expect.stringMatching(/^E\w+: / ) as string }])
  expect(readFileSync(join(dir, 'results', 'logs', 'c.log'), 'utf8')).toBe('c.log')
})

test('a disk that fills up costs the long files, and nothing is half there', ({ skip }) => {
  const results = join(dir, 'results')
  mkdirSync(results)
  if (!mountSmall(results)) skip('only root can mount a small file system')
  try {
    writeFileSync(join(workspace, 'logs', 'a-long.log'), Buffer.alloc(2 ** 20))
    writeFileSync(join(workspace, 'logs', 'b-short.log'), 'the cause')
    const lost = salvageEvidence(workspace, results)
    expect(lost).toEqual([{ file: 'logs/a-long.log', why: expect.stringContaining('ENOSPC') as string }])
    expect([readFileSync(join(results, 'logs', 'b-short.log'), 'utf8'), existsSync(join(results, 'logs', 'a-long.log'))]).toEqual(['the cause', false])
  } finally {
    execFileSync('umount', [results])
  }
})

function mountSmall(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
