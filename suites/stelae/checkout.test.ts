import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { examineCheckout, flagsOfPythonScript, flagsOfShellScript, importsIn, restartArguments, targetsOf } from './checkout.ts'
import { expectFiles } from './lanes/bootstrap.ts'
import { hostPython, pythonRequirements } from './python.ts'

let clone: string
beforeEach(() => { clone = mkdtempSync(join(tmpdir(), 'checkout-')) })
afterEach(() => { rmSync(clone, { recursive: true, force: true }) })

function write(files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(clone, file)), { recursive: true })
    writeFileSync(join(clone, file), text)
  }
}

test('flags of a shell script are those of its case, alternatives and values among them', () => {
  const text = 'case "$arg" in\n  --no-bridge) A=0;;\n  --keep|--no-kill) B=1;;\n  --mode=*) C="${arg#*=}";;\n  -h|--help)\n    cat <<EOF\n  --only-in-the-help   is none\nEOF\n  *) exit 1;;\nesac\n'
  expect([...flagsOfShellScript(text)]).toEqual(['--no-bridge', '--keep', '--no-kill', '--mode', '-h', '--help'])
})

test('flags of a Python script are those it declares', () => {
  const text = 'parser.add_argument("--bundle", type=Path)\nparser.add_argument(\n    "-n", "--no-restart",\n    action="store_true")\nprint("--nothing")\n'
  expect([...flagsOfPythonScript(text)]).toEqual(['--bundle', '-n', '--no-restart'])
})

test('targets of a Makefile are no variables', () => {
  expect([...targetsOf('PORT ?= 1\nDIR := /x\n.PHONY: up\nup: render\n\techo up\nverify-clean:\n\t./x.sh\n')]).toEqual(['up', 'verify-clean'])
})

test.each([
  { offered: ['--keep-pm2', '--no-pm2-kill', '--no-bridge', '--no-cloudflared', '--no-watchdog', '--no-port-kill', '--skip-proxy-build'], given: '--keep-pm2 --no-bridge --no-cloudflared --no-watchdog --no-port-kill --skip-proxy-build' },
  { offered: ['--no-pm2-kill', '--no-cloudflared'], given: '--no-pm2-kill --no-cloudflared' },
  { offered: [], given: '' },
])('a restart script that offers $offered is called with "$given"', ({ offered, given }) => {
  expect(restartArguments(new Set(offered)).join(' ')).toBe(given)
})

test('a new checkout offers all of it', () => {
  write({
    'scripts/restart_stelae.sh': 'case x in\n  --keep-pm2) ;;\nesac\n', 'scripts/setup_env.py': 'p.add_argument("--config-home")', 'scripts/install_stelae_bundle.py': 'p.add_argument("--no-restart")',
    'bundles/starter/catalog.json': '{}', Makefile: 'verify-clean:\n', '.env.example': '# a comment\nPROXY_PORT=9090\nNEW_KEY=x\n',
    'config/proxy.template.json': '{"addr": ":{{PROXY_PORT}}"}', 'tests/test_repo_sanitized.py': '',
  })
  const offers = examineCheckout(clone)
  expect(offers).toMatchObject({ starterBundle: 'bundles/starter', exampleKeys: ['PROXY_PORT', 'NEW_KEY'], templateHasPort: true, structuralTest: 'tests/test_repo_sanitized.py' })
  expect([offers.restartFlags, offers.setupFlags, offers.bundleFlags, offers.makeTargets].map((set) => [...set ?? []])).toEqual([['--keep-pm2'], ['--config-home'], ['--no-restart'], ['verify-clean']])
})

test('an old checkout offers little, and that is no error', () => {
  write({ 'config/proxy.template.json': '{"addr": ":9090"}' })
  expect(examineCheckout(clone)).toMatchObject({ setupFlags: undefined, bundleFlags: undefined, starterBundle: undefined, exampleKeys: [], templateHasPort: false, structuralTest: undefined })
})

test('imports are found wherever they stand', () => {
  expect(importsIn('import os, mcp.types as t\nfrom httpx import get\n    import anyio\nfrom . import sibling\n# import nothing\n')).toEqual(['os', 'mcp', 'httpx', 'anyio'])
})

test('what a checkout declares is installed; else what it imports, within bounds', () => {
  write({
    'scripts/a.py': 'import os\nimport mcp\nfrom stelae_lib import x\nimport b\n', 'scripts/b.py': 'import strange_package\n', 'stelae_lib/__init__.py': 'from httpx import get\n',
  })
  expect(pythonRequirements(clone, ['os'])).toEqual({ requirements: ['httpx', 'mcp>=1.20,<2'], unknown: ['strange_package'], from: 'the imports of stelae_lib, scripts, tests' })
  write({ 'requirements.txt': '# all of it\nmcp==1.25.0  # pinned\n\nhttpx\n' })
  expect(pythonRequirements(clone, ['os'])).toEqual({ requirements: ['httpx', 'mcp==1.25.0', 'pytest>=8.2,<9.0'], unknown: [], from: 'requirements.txt' })
})

test('a clone of something else is told before anything is done with it', () => {
  write({ 'go.mod': '' })
  const checkout = { path: clone, commit: '0123456789abcdef' }
  expect(() => { expectFiles('mcp-proxy', checkout, ['go.mod']) }).not.toThrow()
  expect(() => { expectFiles('Stelae', checkout, ['go.mod', 'scripts/restart_stelae.sh']) }).toThrow(/clone: what was cloned is no checkout of Stelae, or an early one: 0123456 has no scripts\/restart_stelae\.sh/)
})

test.each([
  { version: '3.9.18', throws: /is Python 3\.9\.18; Stelae needs 3\.11 or newer[^]*SMOKE_PYTHON_BIN=<file>/ },
  { version: '3.11.0', throws: undefined },
  { version: undefined, throws: /is not there, or has no module venv/ },
])('a Python $version is taken, or refused with the reason', ({ version, throws }) => {
  const program = join(clone, 'python')
  if (version !== undefined) writeFileSync(program, `#!/bin/sh\necho '{"file":"/p","version":"${version}","standardModules":[]}'\n`, { mode: 0o755 })
  if (throws === undefined) expect(hostPython(program, process.env).version).toBe(version)
  else expect(() => hostPython(program, process.env)).toThrow(throws)
})
