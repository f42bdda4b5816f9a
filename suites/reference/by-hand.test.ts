import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../../harness/testing/child-run.ts'
import { serverToInstall } from './states.ts'

const timeout = 240_000
const { name, alias } = serverToInstall

let base: string
let workspace: string
const runs: ChildRun[] = []
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'by-hand-')))
  workspace = join(base, 'w')
})
afterEach(async () => {
  // A run that paused leaves its stack running, on purpose: the next one ends it, or this.
  if (existsSync(workspace)) await execa(process.execPath, ['harness/cli/clone-smoke.mjs', 'cleanup', workspace], { stdin: 'ignore' })
  for (const run of runs.splice(0)) await run.dispose()
  rmSync(base, { recursive: true, force: true })
})

async function whole(env: Record<string, string>, code: number, filter = 'smoke'): Promise<ChildRun> {
  const run = startChildRun(['run', filter], { SMOKE_WORKSPACE: workspace, SMOKE_TEST_SCOPE: 'none', ...env })
  runs.push(run)
  expect(await run.ended(200_000), run.output()).toBe(code)
  return run
}

const lanes = (run: ChildRun): string[] => run.progress().flatMap((event) => event.type === 'lane-ended' ? [`${event.lane} ${event.status}`] : [])

/** What a person does: takes the servers from mcp-servers.json into an MCP client of their own, and makes the calls. */
async function callByHand(calls: readonly { tool: string; args: Record<string, unknown> }[]): Promise<void> {
  const { mcpServers } = JSON.parse(readFileSync(join(workspace, 'mcp-servers.json'), 'utf8')) as { mcpServers: { stack: { command: string; args: string[]; env: Record<string, string> } } }
  const client = new Client({ name: 'a person', version: '1' })
  await client.connect(new StdioClientTransport({ ...mcpServers.stack, cwd: join(workspace, 'client'), stderr: 'ignore' }))
  try {
    await client.listTools()
    for (const { tool, args } of calls) await client.callTool({ name: tool, arguments: args }, undefined, { timeout: 60_000 })
  } finally {
    await client.close()
  }
}

const installation = [
  { tool: 'manage_stack', args: { operation: 'install_server', params: { name, target_name: alias, force: true } } },
  { tool: 'manage_stack', args: { operation: 'list_discovered_servers' } },
  { tool: 'grep', args: { pattern: 'install_server' } },
]

test('a stage that a person plays is judged by the same checks, and the agent plays the rest', { timeout }, async () => {
  const paused = await whole({ SMOKE_MANUAL_STAGE: 'install' }, 0)
  expect(lanes(paused)).toEqual(['bootstrap passed', 'bundle-tools passed', 'install skipped', 'remove skipped', 'verify-clean skipped'])
  expect(paused.record().lanes.slice(2).map(({ reason }) => reason)).toEqual(['paused before the agent session "install"', ...Array.from({ length: 2 }, () => 'the run paused in lane "install"')])
  // At the stage, and at the end.
  expect(paused.output().match(/manual_stage_install\.md/g)).toHaveLength(2)
  expect(paused.record()).toMatchObject({ outcome: 'paused', paused: { lane: 'install', stage: 'install' }, teardown: { leftovers: [], workspaceKept: true, processesKept: true } })
  const page = readFileSync(join(workspace, 'manual_stage_install.md'), 'utf8')
  for (const words of [`> Install the MCP server "${name}"`, 'manage_stack {"operation":"install_server"', 'SMOKE_REUSE=1 npx vitest run smoke', 'clone-smoke cleanup']) expect(page).toContain(words)
  expect(statSync(join(workspace, 'manual_stage_install.md')).mode & 0o777).toBe(0o600)
  expect(paused.output()).toMatch(/paused before "install"[^]*manual_stage_install\.md/)

  await callByHand(installation)
  const rest = await whole({ SMOKE_REUSE: '1' }, 0)
  // The stack was left running, so nothing has to be started again.
  expect(lanes(rest)).toEqual(['bootstrap skipped', 'bundle-tools skipped', 'install passed', 'remove passed', 'verify-clean passed'])
  const stage = rest.record().lanes.find(({ name }) => name === 'install')?.steps.find(({ name }) => name === 'install')?.stage
  expect(stage?.agent.name).toBe('a person')
  expect(stage?.calls.map(({ attempted, executed, effective }) => [attempted.answer, executed.answer, effective.answer])).toEqual(installation.map(() => ['yes', 'yes', 'yes']))
  expect(rest.record().lanes.find(({ name }) => name === 'remove')?.steps[0]?.stage?.agent.name).toBe('codex')
  expect(rest.record().teardown).toMatchObject({ leftovers: [], processesKept: false })
})

test('a stage that was not done, or done wrongly, fails as what it is, and can be done again', { timeout }, async () => {
  await whole({ SMOKE_MANUAL_STAGE: 'install' }, 0, 'install.smoke')
  await callByHand(installation.slice(0, 1))
  const failed = await whole({ SMOKE_REUSE: '1' }, 1, 'install.smoke')
  const { verdict } = failed.record().lanes.find(({ name }) => name === 'install') ?? {}
  expect(verdict).toMatchObject({ class: 'manual', remedy: expect.stringMatching(/^do what is missing, the stack still runs; then: .*SMOKE_REUSE=1 npx vitest run install\.smoke$/) as string })
  expect(verdict?.diagnosis).toMatch(/^the person did not call manage_stack/)
  expect(failed.record()).toMatchObject({ outcome: 'failed', teardown: { leftovers: [], processesKept: true } })
  await callByHand(installation.slice(1))
  const done = await whole({ SMOKE_REUSE: '1' }, 0, 'install.smoke')
  expect(lanes(done)).toEqual(['install passed'])
  expect(done.record().teardown).toMatchObject({ leftovers: [], processesKept: false })
})

test('manual stops before every stage in turn', { timeout }, async () => {
  const first = await whole({ SMOKE_MANUAL: '1' }, 0)
  expect(first.record().paused).toMatchObject({ lane: 'bundle-tools' })
  const playbook = readFileSync(join(workspace, 'manual_playbook.md'), 'utf8')
  for (const stage of ['bundle-tools', 'install', 'remove']) expect(playbook).toContain(`manual_stage_${stage}.md`)
  await callByHand([
    { tool: 'workspace_fs_read', args: { operation: 'read_file', path: 'README.md' } },
    { tool: 'grep', args: { pattern: 'manage_stack' } },
    { tool: 'manage_stack', args: { operation: 'list_discovered_servers' } },
  ])
  const second = await whole({ SMOKE_MANUAL: '1', SMOKE_REUSE: '1' }, 0)
  expect(lanes(second)).toEqual(['bootstrap skipped', 'bundle-tools passed', 'install skipped', 'remove skipped', 'verify-clean skipped'])
  expect(second.record().paused).toMatchObject({ lane: 'install' })
  const { stages } = JSON.parse(readFileSync(join(workspace, 'manual_result.json'), 'utf8')) as { stages: { lane: string; standing: string }[] }
  expect(stages.map(({ lane, standing }) => `${lane} ${standing}`)).toEqual(['bundle-tools passed', 'install waiting', 'remove not yet'])
})
