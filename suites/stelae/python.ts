import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { PrerequisiteError } from '../../harness/errors.ts'
import type { StepContext } from '../../harness/suite.ts'
import { cacheDirectory, keyOf, madeOnce } from '../../helpers/cached.ts'
import { importsOf } from './checkout.ts'
import { optionsOf } from './options.ts'
import type { Places } from './places.ts'

export interface HostPython {
  /** The interpreter itself: a version manager's shim needs the user's home, which a sandbox has not. */
  readonly file: string
  readonly version: string
  readonly standardModules: readonly string[]
}

const answer = z.object({ file: z.string(), version: z.string(), standardModules: z.array(z.string()) })

/** The Python that the sandbox's environment is made from. @throws PrerequisiteError when there is none, or it is too old */
export function hostPython(program: string, env: NodeJS.ProcessEnv): HostPython {
  let text: string
  try {
    text = execFileSync(program, ['-I', '-c', 'import json,platform,sys,venv;print(json.dumps({"file":sys.executable,"version":platform.python_version(),"standardModules":sorted(getattr(sys,"stdlib_module_names",()))}))'], {
      env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000,
    })
  } catch {
    throw new PrerequisiteError(`${program} is not there, or has no module venv`, 'install Python 3.11 or newer with venv, e.g. apt-get install python3 python3-venv, or name one: SMOKE_PYTHON_BIN=<file>')
  }
  const python = answer.parse(JSON.parse(text))
  const [major = 0, minor = 0] = python.version.split('.').map(Number)
  if (major > 3 || (major === 3 && minor >= 11)) return python
  throw new PrerequisiteError(`${program} is Python ${python.version}; Stelae needs 3.11 or newer`, 'name another one: SMOKE_PYTHON_BIN=<file>')
}

/**
 * What is installed for an imported module, where the checkout declares nothing. Bounds: mcp 2 has no
 * `mcp.server.fastmcp`, fastmcp 3 needs mcp 2 [facts, 2.1]; the range of pytest is the one of Stelae's own harness.
 */
const packages: Readonly<Record<string, string>> = {
  mcp: 'mcp>=1.20,<2', httpx: 'httpx', anyio: 'anyio', jsonschema: 'jsonschema', pytest: 'pytest>=8.2,<9.0', fastmcp: 'fastmcp<3',
  starlette: 'starlette', uvicorn: 'uvicorn', yaml: 'pyyaml', pydantic: 'pydantic', requests: 'requests', tomli: 'tomli',
}

/** Downstream servers that are had from PyPI, in the same environment. */
const serverPackages = ['mcp-grep', 'mcp-server-fetch']

/** What a checkout needs of PyPI: as it declares it, else by its imports. `unknown` are imports without a known package. */
export function pythonRequirements(stelae: string, standardModules: readonly string[]): { requirements: string[]; unknown: string[]; from: string } {
  const declared = ['requirements.txt', 'requirements-dev.txt'].filter((file) => existsSync(join(stelae, file)))
  if (declared.length > 0) {
    const lines = declared.flatMap((file) => readFileSync(join(stelae, file), 'utf8').split('\n')).map((line) => line.replace(/(^|\s)#.*$/, '').trim()).filter((line) => line !== '')
    return { requirements: [...new Set([...lines, packages.pytest ?? 'pytest'])].toSorted(), unknown: [], from: declared.join(' and ') }
  }
  const folders = ['stelae_lib', 'scripts', 'tests']
  // A module that lies in the checkout is no package, wherever it lies.
  const own = (name: string): boolean => ['', ...folders].some((folder) => existsSync(join(stelae, folder, name)) || existsSync(join(stelae, folder, `${name}.py`)))
  const standard = new Set([...standardModules, '__future__'])
  const foreign = [...importsOf(stelae, folders)].filter((name) => !standard.has(name) && !own(name)).toSorted()
  return {
    requirements: foreign.map((name) => packages[name]).filter((name) => name !== undefined),
    unknown: foreign.filter((name) => packages[name] === undefined),
    from: `the imports of ${folders.join(', ')}`,
  }
}

/**
 * Makes the sandbox's Python environment, or takes one that was made from the same requirements: `<workspace>/venv`.
 * @throws VerdictError when pip fails
 */
export async function providePython({ env, run, options, note, fact }: StepContext, places: Places): Promise<void> {
  const host = hostPython(optionsOf(options).pythonBin ?? 'python3', process.env)
  const { requirements, unknown, from } = pythonRequirements(places.stelae, host.standardModules)
  if (unknown.length > 0) note(`Stelae imports modules for which this suite knows no package: ${unknown.join(', ')}`)
  const all = [...requirements, ...serverPackages]
  const { directory, found } = await madeOnce(join(cacheDirectory(env), 'stelae-python'), keyOf([host.file, host.version, ...all]), async (directory) => {
    await run({ name: 'python-venv', file: host.file, args: ['-m', 'venv', directory], cwd: places.apps })
    const list = join(directory, 'requirements.txt')
    writeFileSync(list, all.map((line) => `${line}\n`).join(''))
    await run({
      name: 'python-pip', file: join(directory, 'bin', 'python3'), cwd: places.apps,
      args: ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '--compile', '--requirement', list],
    })
    const packages = await run({ name: 'python-packages', file: join(directory, 'bin', 'python3'), args: ['-m', 'pip', 'list', '--format=freeze', '--disable-pip-version-check'], cwd: places.apps })
    writeFileSync(join(directory, 'packages.txt'), `${packages}\n`)
  })
  rmSync(places.venv, { force: true })
  symlinkSync(directory, places.venv)
  fact('version.python', host.version)
  fact('python.packages', readFileSync(join(directory, 'packages.txt'), 'utf8').split('\n').filter((line) => /^(mcp|httpx|fastmcp|pytest|mcp-grep|mcp-server-fetch|anyio)==/.test(line)).join(' '))
  note(`Python packages ${found ? 'were there already' : 'were installed'}: ${requirements.join(', ')} (from ${from}); ${serverPackages.join(', ')} (servers of the bundle)`)
}
