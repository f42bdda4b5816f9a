import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../../harness/errors.ts'
import { number, path, text } from '../../harness/options/definitions.ts'
import type { Source } from '../../harness/suite.ts'

/** The fork that has the `/mcp` facade; upstream answers 404 there. */
const forkUrl = 'https://github.com/Dub1n/mcp-proxy.git'

/** Options of this suite alone; SMOKE_SOURCE_*, SMOKE_REF_* and the rest are the harness's. */
export const options = {
  installFlavour: text('whether lanes install and remove change the stack (`real`) or only ask what would change (`dry-run`)', {
    schema: z.enum(['real', 'dry-run'], 'real or dry-run'), fallback: 'real', placeholder: '<flavour>',
  }),
  bundleServers: text('whether the servers of the bundle come from their registries (`registry`; several hundred MB where nothing is cached; `all`: the heavy one as well) or are stand-ins (`stand-in`)', {
    schema: z.enum(['registry', 'all', 'stand-in'], 'registry, all or stand-in'), fallback: 'registry', placeholder: '<which>',
  }),
  wrapperRelease: path('release of the Codex MCP wrapper to copy into the config home: a folder with `venv/bin/codex-mcp-wrapper` and `wrapper.toml`'),
  pythonBin: path('Python 3.11 or newer from which the sandbox makes its environment', { placeholder: '<file>', otherwise: 'python3 on PATH' }),
  goFlags: text('GOFLAGS of the proxy build, e.g. `-p=1` where memory is short', {
    schema: z.string().regex(/^-\S+( -\S+)*$/, 'flags that begin with -, e.g. -p=1').optional(), fallback: undefined, placeholder: '<flags>',
  }),
  gomaxprocs: number('GOMAXPROCS of the proxy build; 0 for as many as there are processors', {
    schema: z.int('a whole number').min(0, 'not below 0').max(1024, 'at most 1024'), fallback: 0, placeholder: '<number>',
  }),
} as const

const values = z.object({
  installFlavour: z.enum(['real', 'dry-run']), bundleServers: z.enum(['registry', 'all', 'stand-in']), wrapperRelease: z.string().optional(), pythonBin: z.string().optional(),
  goFlags: z.string().optional(), gomaxprocs: z.number(),
})
export type StelaeOptions = z.infer<typeof values>

/** The values of this suite's options, as a step gets them. */
export function optionsOf(own: Readonly<Record<string, unknown>>): StelaeOptions {
  return values.parse(own)
}

/** What in a release of the wrapper must be there. */
export const wrapperFiles = ['venv/bin/codex-mcp-wrapper', 'wrapper.toml'] as const

/** Refuses what cannot work, before anything is made. @throws UsageError */
export function checkOptions(own: Readonly<Record<string, unknown>>): void {
  const { wrapperRelease, pythonBin } = optionsOf(own)
  const missing = wrapperRelease === undefined ? undefined : wrapperFiles.find((file) => !existsSync(join(wrapperRelease, file)))
  if (missing !== undefined) {
    throw new UsageError(`SMOKE_WRAPPER_RELEASE=${JSON.stringify(wrapperRelease)} has no ${missing}`, `name a folder that holds ${wrapperFiles.join(' and ')}`)
  }
  if (pythonBin !== undefined && !existsSync(pythonBin)) {
    throw new UsageError(`SMOKE_PYTHON_BIN=${JSON.stringify(pythonBin)} does not exist`, 'name a Python program, e.g. $(which python3)')
  }
}

/**
 * Where mcp-proxy comes from when SMOKE_SOURCE_MCP_PROXY does not say: STELAE_PROXY_SOURCE (with an optional #ref), a
 * checkout in ~/apps, the fork; the order of Stelae's own harness.
 */
export function proxySource(env: NodeJS.ProcessEnv, home = homedir()): Source {
  const asked = env.STELAE_PROXY_SOURCE ?? ''
  const [url = '', ref = ''] = asked.split('#')
  if (url !== '') return { kind: 'git', url, ...(ref !== '' && { ref }) }
  const local = join(home, 'apps', 'mcp-proxy')
  return { kind: 'git', url: existsSync(local) ? local : forkUrl }
}
