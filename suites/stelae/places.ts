import { join } from 'node:path'
import type { WorkspacePaths } from '../../harness/sandbox/workspace-paths.ts'

/** Where everything of this suite is in the workspace. Stelae wants its proxy in `<apps>/mcp-proxy`: the workspace is its apps directory. */
export interface Places {
  readonly stelae: string
  readonly apps: string
  readonly proxy: string
  readonly configHome: string
  readonly stateHome: string
  readonly environmentFile: string
  /** Programs of the sandbox, first on PATH. */
  readonly bin: string
  /** The Python environment, second on PATH; a link when it is shared by several runs. */
  readonly venv: string
  readonly python: string
  readonly pm2Home: string
  readonly overlay: string
  readonly proxyConfig: string
  readonly proxyBinary: string
  readonly discovered: string
  /** What the stand-in servers offer. */
  readonly standIns: string
  /** What the agent's bridge received and answered, with its secrets: outside the logs, which are kept as they are. */
  readonly wire: string
  /** The same without secrets. */
  readonly wireCopy: string
  readonly clientRepository: string
}

/** The places of a workspace; nothing is made. */
export function placesIn({ root, logs }: Pick<WorkspacePaths, 'root' | 'logs'>): Places {
  const configHome = join(root, 'config-home')
  const stateHome = join(configHome, '.state')
  const proxy = join(root, 'mcp-proxy')
  const venv = join(root, 'venv')
  return {
    stelae: join(root, 'stelae'), apps: root, proxy, configHome, stateHome, venv,
    environmentFile: join(configHome, '.env'),
    bin: join(root, 'bin'),
    python: join(venv, 'bin', 'python3'),
    pm2Home: join(root, 'pm2'),
    overlay: join(configHome, 'proxy.template.local.json'),
    proxyConfig: join(stateHome, 'proxy.json'),
    proxyBinary: join(proxy, 'build', 'mcp-proxy'),
    discovered: join(stateHome, 'discovered_servers.json'),
    standIns: join(root, 'stand-ins'),
    wire: join(root, 'bridge-wire.ndjson'),
    wireCopy: join(logs, 'bridge-wire.ndjson'),
    clientRepository: join(root, 'client'),
  }
}
