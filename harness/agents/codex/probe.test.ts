import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { probeCodex, readCapabilities } from './probe.ts'

const helpOf = (version: string): string => readFileSync(new URL(`./fixtures/${version}/exec-help.txt`, import.meta.url), 'utf8')
const capabilitiesOf = (version: string, help = version): ReturnType<typeof readCapabilities> => readCapabilities('/x/codex', `codex-cli ${version}\n`, helpOf(help))

const watched = ['--ephemeral', '--ignore-user-config', '--ignore-rules', '--full-auto', '--strict-config']

test.each([
  { version: '0.63.0', flags: ['--full-auto'], approvesByServer: false, readsModelCatalog: false },
  { version: '0.100.0', flags: ['--ephemeral', '--full-auto'], approvesByServer: false, readsModelCatalog: false },
  { version: '0.130.0', flags: ['--ephemeral', '--ignore-user-config', '--ignore-rules'], approvesByServer: true, readsModelCatalog: true },
  { version: '0.169.0', flags: ['--ephemeral', '--ignore-user-config', '--ignore-rules', '--strict-config'], approvesByServer: true, readsModelCatalog: true },
])('$version is read from its own help', ({ version, flags, ...rest }) => {
  const capabilities = capabilitiesOf(version)
  expect(capabilities).toMatchObject({ version, jsonFlag: '--json', ...rest })
  expect(watched.filter((flag) => capabilities.flags.has(flag))).toEqual(flags)
  for (const flag of ['--config', '--sandbox', '--cd', '--skip-git-repo-check']) expect(capabilities.flags).toContain(flag)
})

test('an older name of the JSON flag is used where there is no other', () => {
  const help = helpOf('0.63.0').replace('--json', '--experimental-json')
  expect(readCapabilities('/x/codex', 'codex-cli 0.63.0', help).jsonFlag).toBe('--experimental-json')
})

test('a flag that the text only mentions is no flag', () => {
  expect(readCapabilities('/x/codex', 'codex-cli 0.169.0', `${helpOf('0.169.0')}\n          use --made-up instead`).flags).not.toContain('--made-up')
})

test.each(['0.101.0', '0.107.0', '0.110.0', '0.116.0', '0.121.0'])('%s is refused: MCP calls cannot be approved', (version) => {
  expect(() => capabilitiesOf(version, '0.100.0')).toThrow(new RegExp(`^prerequisite: codex ${version} cannot be told to approve MCP calls.*\n {2}next: npm install --save-dev @openai/codex@`))
})

test('0.50.0 is refused: its calls have no arguments', () => {
  expect(() => capabilitiesOf('0.50.0', '0.63.0')).toThrow(/^prerequisite: codex 0\.50\.0 does not write the arguments/)
})

test.each(['0.53.0', '0.100.0', '0.122.0', '0.170.0-alpha.2', '1.0.0'])('%s is accepted', (version) => {
  expect(capabilitiesOf(version, '0.169.0').version).toBe(version)
})

test.each([
  ['a version of another program', 'v20.1.0', /^agent-protocol: .*--version answered "v20\.1\.0"; expected a line like "codex-cli 0\.169\.0"/],
  ['no version', '', /answered nothing/],
])('%s is refused', (_, text, message) => {
  expect(() => readCapabilities('/x/codex', text, helpOf('0.169.0'))).toThrow(message)
})

test.each([
  ['of another program', 'Usage: other [OPTIONS]'],
  ['without --config', helpOf('0.169.0').replace('--config <', '--settings <')],
])('a help text %s is refused', (_, help) => {
  expect(() => readCapabilities('/x/codex', 'codex-cli 0.169.0', help)).toThrow(/^agent-protocol: .*exec --help of codex 0\.169\.0 names no --json or no --config/)
})

async function withScript<T>(script: string, work: (file: string, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'probe-test-'))
  try {
    const file = join(folder, 'codex')
    await writeFile(file, `#!/bin/sh\ncd '${folder}'\n${script}\n`)
    await chmod(file, 0o755)
    return await work(file, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('a script may stand in for Codex; both questions are asked at once, without stdin', async () => {
  // Each question waits until the other one was asked too.
  const script = `cat > "stdin-$1"; touch "asked-$1"
while [ ! -e asked---version ] || [ ! -e asked-exec ]; do sleep 0.01; done
if [ "$1" = exec ]; then echo '  -c, --config <k=v>'; echo '      --json'; else echo codex-cli 0.169.0; fi`
  await withScript(script, async (file, folder) => {
    expect([...(await probeCodex(file, { PATH: process.env.PATH ?? '' })).flags]).toEqual(['--config', '--json'])
    expect(await readFile(join(folder, 'stdin-exec'), 'utf8')).toBe('')
  })
})

test('a Codex that does not answer is given up, and what it started is ended', async () => {
  await withScript('echo starting; sh -c \'echo $$ > "child-$$"; exec sleep 600\'', async (file, folder) => {
    await expect(probeCodex(file, { PATH: process.env.PATH ?? '' }, 3000)).rejects.toThrow(/^agent-protocol: .*(--version|--help) did not answer within 3 s; it wrote "starting"/)
    const children = (await readdir(folder)).flatMap((name) => /^child-(\d+)$/.exec(name)?.[1] ?? [])
    expect(children).toHaveLength(2)
    await expect.poll(() => children.filter(runs), { timeout: 10_000 }).toEqual([])
  })
})

/** A zombie has ended; who reaps it is not ours to say. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('a Codex that fails is quoted', async () => {
  await withScript('echo "no such library" >&2; exit 127', async (file) => {
    await expect(probeCodex(file, { PATH: process.env.PATH ?? '' })).rejects.toThrow(/ended with exit code 127: "no such library"/)
  })
})
