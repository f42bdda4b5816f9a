import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { curl, inTerminals, keepsId, killsAgent, linesOf, quoted, variableOf, type Deed } from './by-hand.ts'

const here = realpathSync(tmpdir())
const shell = (script: string): string => execFileSync('sh', ['-c', script], { cwd: here, encoding: 'utf8', env: { PATH: process.env.PATH ?? '' } })
const root = '/nowhere/d.x/spawn'

test.each([
  { text: '' }, { text: 'plain' }, { text: `it's "$HOME" \`id\` \\ ; # %s` }, { text: 'Füße\n🦶' }, { text: '{"a":"\\u0000"}' }, { text: 'x'.repeat(300) }, { text: `{"a":"${'['.repeat(5000)}","b":"${'y'.repeat(100)}"}` },
  { text: `{"path":"${root}/r/ws"}`, gives: `{"path":"${here}/ws"}` }, { text: `${root}/daemon.log`, gives: `${here}/daemon.log` }, { text: `${root}s/r`, gives: `${root}s/r` },
])('the shell reads $text.length characters as they are', ({ text, gives }) => {
  expect(shell(`printf %s ${quoted(text, root)}`)).toBe(gives ?? text)
})

test('a body that is too long for a word comes by a pipe', () => {
  const line = curl('POST', '/api/v1/x', {}, `{"a":"${'x'.repeat(5_000_000)}"}`, root)
  expect(line.length).toBeLessThan(300)
  expect(shell(`${line.slice(0, line.indexOf('| curl'))}| wc -c`).trim()).toBe('5000008')
})

test('dots in a path stay, and what is read needs no verb', () => {
  expect(curl('POST', '/api/v1/sessions/../kill', {}, undefined, root)).toBe('curl -i -X POST --path-as-is "http://127.0.0.1:$AO_PORT/api/v1/sessions/../kill"')
  expect(curl('GET', '/api/v1/sessions', { Host: 'evil.example' }, undefined, root)).toBe(`curl -i -H 'Host: evil.example' "http://127.0.0.1:$AO_PORT/api/v1/sessions"`)
})

test('what was made elsewhere is made first and once, and reads between are left out', () => {
  const made = new Map([
    ['/r/ws', { lines: ['git init ws'], uses: [] }], ['ws', { lines: ['add ws'], uses: ['/r/ws', 'ws'] }],
    ['ws-1', { lines: [keepsId('ws-1', 'curl -i spawn')], uses: ['ws'] }],
  ])
  const deed = (line: string, kept: boolean, uses: string[], makes?: string): Deed => ({ line, kept, uses, ...(makes !== undefined && { makes }) })
  expect(linesOf([deed('look', false, ['ws-1']), deed('kill', true, ['ws-1']), deed('kill', true, ['ws-1'])], made).split('\n'))
    .toEqual(['git init ws', 'add ws', expect.stringMatching(/^ws_1=\$\(curl -s spawn \| grep/) as string, 'kill', 'kill'])
  expect(linesOf([deed('curl -i spawn', true, ['ws'], 'ws-1')], made).split('\n')).toEqual(['git init ws', 'add ws', 'curl -i spawn'])
})

test('the id of a session is kept, from the answer of the API and from what `ao spawn` prints', () => {
  const answer = `{"session":{"id":"ws-7","projectId":"ws"}}`
  expect(shell(`curl() { echo '${answer}'; }; ${keepsId('ws-1', 'curl -i x')}; echo ${variableOf('ws-1')}`).trim()).toBe('ws-7')
  expect(shell(`ao() { printf 'spawned session ws-7 (idle)\\nattach with: x\\n'; }; ${keepsId('ws-1', 'ao spawn')}; echo ${variableOf('ws-1')}`).trim()).toBe('ws-7')
})

test('the start of the daemon comes before what is made, the last one alone, and however many deeds follow', () => {
  const made = new Map([['ws', { lines: ['add ws'], uses: [] }]])
  const deed = (line: string, first = false): Deed => ({ line, kept: true, uses: first ? [] : ['ws'], first })
  expect(linesOf([deed('start', true), deed('look'), deed('start again', true), ...Array.from({ length: 12 }, (_, index) => deed(`deed ${index}`))], made).split('\n'))
    .toEqual(['start again', 'add ws', ...Array.from({ length: 9 }, (_, index) => `deed ${index + 3}`)])
})

test('sessions of zellij are looked for where AO keeps them, and a name is a whole one for tmux', () => {
  expect(inTerminals('zellij', 'kill-session', 'ws-1')).toBe('ZELLIJ_SOCKET_DIR=/tmp/ao-zellij-$(id -u) zellij kill-session $ws_1')
  expect(inTerminals('tmux', 'kill-session', 'ws-1')).toBe('tmux kill-session -t "=$ws_1"')
  expect(inTerminals('tmux', 'list-sessions')).toBe('tmux list-sessions')
})

test('of the programs in a worktree the one with the highest id is ended, and none elsewhere', async () => {
  const data = mkdtempSync(join(here, 'by hand-'))
  const programs = ['worktrees/ws/ws-8', 'worktrees/ws/ws-7', 'worktrees/ws/ws-7', 'worktrees/ws/ws-77'].map((directory) => {
    const cwd = join(data, directory)
    mkdirSync(cwd, { recursive: true })
    return spawn('sleep', ['300'], { cwd, stdio: 'ignore' })
  })
  try {
    const youngest = programs.slice(1, 3).toSorted((one, other) => (other.pid ?? 0) - (one.pid ?? 0)).slice(0, 1)
    const ended = youngest.map((program) => once(program, 'exit'))
    execFileSync('sh', ['-c', `ws_7=ws-7; ${killsAgent('ws-7')}`], { env: { PATH: process.env.PATH ?? '', AO_DATA_DIR: data } })
    expect(await Promise.all(ended)).toEqual([[null, 'SIGKILL']])
    expect(programs.filter(({ signalCode }) => signalCode !== null)).toEqual(youngest)
  } finally {
    for (const program of programs) program.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
})
