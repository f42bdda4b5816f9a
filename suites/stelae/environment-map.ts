import type { Places } from './places.ts'

/**
 * Values for every key that Stelae reads from its environment file, at any commit so far. Written out even where they
 * equal Stelae's own default: a default that leads to the user's home must not be met by accident.
 * @param port the proxy's
 * @param exampleKeys keys of the checkout's `.env.example`
 */
export function environmentMap(places: Places, home: string, port: number, exampleKeys: readonly string[]): Record<string, string> {
  const { stelae, apps, configHome, stateHome, bin, python } = places
  const vendor = `${apps}/vendor`
  const values = {
    STELAE_DIR: stelae, APPS_DIR: apps, VENDOR_DIR: vendor,
    STELAE_CONFIG_HOME: configHome, STELAE_STATE_HOME: stateHome, STELAE_ENV_FILE: places.environmentFile,
    STELAE_TOOL_OVERRIDES: `${configHome}/tool_overrides.json`,
    STELAE_TOOL_AGGREGATIONS: `${configHome}/tool_aggregations.json`,
    STELAE_CUSTOM_TOOLS_CONFIG: `${configHome}/custom_tools.json`,
    STELAE_DISCOVERY_PATH: places.discovered,
    TOOL_OVERRIDES_PATH: `${stateHome}/tool_overrides.json`,
    TOOL_SCHEMA_STATUS_PATH: `${stateHome}/tool_schema_status.json`,
    INTENDED_CATALOG_PATH: `${stateHome}/intended_catalog.json`,
    LIVE_CATALOG_PATH: `${stateHome}/live_catalog.json`,
    STELAE_USE_INTENDED_CATALOG: '1',
    PROXY_BIN: places.proxyBinary, PROXY_CONFIG: places.proxyConfig,
    PROXY_PORT: String(port), PUBLIC_PORT: String(port),
    PUBLIC_BASE_URL: `http://127.0.0.1:${port}`, PUBLIC_SSE_URL: `http://127.0.0.1:${port}/mcp`,
    STELAE_PROXY_BASE: `http://127.0.0.1:${port}`,
    PHOENIX_ROOT: places.clientRepository, SEARCH_ROOT: stelae, SEARCH_PYTHON_BIN: python,
    MEMORY_DIR: `${configHome}/memory`, BASIC_MEMORY_PROJECT: 'clone-smoke',
    LOCAL_BIN: bin, FILESYSTEM_BIN: `${bin}/rust-mcp-filesystem`, RG_BIN: `${bin}/mcp-grep-server`, STRATA_BIN: `${bin}/strata`,
    MEMORY_BIN: `${bin}/basic-memory`, SHELL_BIN: `${bin}/mcp-server-commands`, NPX_BIN: `${bin}/stelae-npx`,
    PLAYWRIGHT_BROWSERS_PATH: `${home}/.cache/ms-playwright`,
    PM2: `${bin}/pm2`, ONE_MCP_BIN: `${bin}/one-mcp`, ONE_MCP_DIR: `${vendor}/1mcpserver`,
    PYTHON: python, SHIM_PYTHON: python, BRIDGE_PY: python,
    CLOUDFLARED: `${bin}/cloudflared`, CF_TUNNEL_NAME: 'clone-smoke',
    // What the entry of the server to install has placeholders for.
    QDRANT_LOCAL_PATH: `${configHome}/qdrant`, QDRANT_COLLECTION_NAME: 'clone-smoke', QDRANT_EMBEDDING_MODEL: 'sentence-transformers/all-MiniLM-L6-v2',
    // Stelae wants them to be there; nothing in a run may use them.
    OPENAI_API_KEY: 'clone-smoke-no-key', GITHUB_TOKEN: '',
  }
  const tooNew = newerKeys.filter((key) => !exampleKeys.includes(key))
  return Object.fromEntries(Object.entries(values).filter(([key]) => !tooNew.includes(key)))
}

/** A checkout that does not name these has other files for them, under names of its own. */
const newerKeys = ['STELAE_TOOL_OVERRIDES', 'STELAE_TOOL_AGGREGATIONS', 'STELAE_CUSTOM_TOOLS_CONFIG', 'INTENDED_CATALOG_PATH', 'LIVE_CATALOG_PATH']

/** Names of the keys in the text of an environment file, each once. */
export function keysIn(text: string): string[] {
  const keys = text.split('\n').map((line) => /^\s*(?:export\s+)?([A-Za-z_]\w*)=/.exec(line)?.[1]).filter((key) => key !== undefined)
  return [...new Set(keys)]
}

/**
 * The text of an environment file. Stelae reads it with bash and with a parser of its own that knows no escapes.
 * @throws Error when a value cannot be written so that both read the same
 */
export function environmentText(values: Readonly<Record<string, string>>): string {
  return Object.entries(values).map(([key, value]) => {
    if (/["'\\$`\n]/.test(value)) throw new Error(`${key} cannot be written to an environment file: ${JSON.stringify(value)}`)
    return `${key}=${/[\s#&;|<>()*?]/.test(value) ? `"${value}"` : value}\n`
  }).join('')
}

/** The values in such a text. */
export function environmentIn(text: string): Record<string, string> {
  return Object.fromEntries(text.split('\n').flatMap((line) => {
    const [, key, value = ''] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? []
    return key === undefined ? [] : [[key, value.replace(/^"(.*)"$/, '$1')]]
  }))
}
