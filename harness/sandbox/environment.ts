import { join } from 'node:path'
import { markerVariable } from './ledger.ts'
import type { WorkspacePaths } from './workspace-paths.ts'

/** Host variables a child may see; everything else stays outside. */
const allowed = [
  'PATH', 'LANG', 'LANGUAGE', 'TZ', 'LC_ALL', 'LC_CTYPE', 'SHELL', 'USER', 'LOGNAME',
  // Without these nothing can reach a registry behind a proxy or a private CA.
  'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy',
  'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
] as const

/**
 * Caches of package managers, in a directory that several runs share. Each of these programs locks or renames by itself,
 * so that two at once do not spoil it (npm: cacache, pip: atomic rename, uv and go: file locks).
 */
function cacheVariables(directory: string): Record<string, string> {
  return {
    npm_config_cache: join(directory, 'npm'), PIP_CACHE_DIR: join(directory, 'pip'), UV_CACHE_DIR: join(directory, 'uv'),
    GOMODCACHE: join(directory, 'go-mod'), GOCACHE: join(directory, 'go-build'),
  }
}

/**
 * The environment of everything that runs in a sandbox: an allow-list of the host's, and homes of its own. Caches are the
 * sandbox's own too, unless a directory for them is given.
 */
export function sandboxEnvironment(
  paths: WorkspacePaths,
  sandboxId: string,
  host: NodeJS.ProcessEnv,
  cache?: string,
): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of allowed) {
    const value = host[name]
    if (value !== undefined) env[name] = value
  }
  return {
    ...env,
    [markerVariable]: sandboxId,
    HOME: paths.home,
    // All three: whoever cannot use the first, as when a test sets it to nowhere, asks for the others before it takes /tmp.
    TMPDIR: paths.temporary,
    TEMP: paths.temporary,
    TMP: paths.temporary,
    XDG_CONFIG_HOME: join(paths.home, '.config'),
    XDG_CACHE_HOME: join(paths.home, '.cache'),
    XDG_DATA_HOME: join(paths.home, '.local/share'),
    XDG_STATE_HOME: join(paths.home, '.local/state'),
    XDG_RUNTIME_DIR: paths.temporary,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    ...cacheVariables(cache ?? join(paths.home, '.cache')),
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
    CI: '1',
  }
}
