import { UsageError } from '../../errors.ts'
import type { AgentSession, McpWiring } from '../agent.ts'
import type { CodexCapabilities } from './probe.ts'
import { toToml, type TomlValue } from './toml.ts'

/** The variable that carries the model key; the key itself never stands on a command line. */
export const keyVariable = 'CLONE_SMOKE_MODEL_KEY'

const provider = 'clone_smoke'

/**
 * Time limits inside Codex, so that it names what was slow before it is ended from outside. Shares of the session's
 * deadline, chosen so that one slow start or one slow call still leaves Codex time to report it.
 */
export function limitsWithin(deadlineMs: number): { startupSeconds: number; toolSeconds: number; streamIdleMs: number } {
  const seconds = (share: number): number => Math.max(0.5, Math.round(deadlineMs * share / 100) / 10)
  return { startupSeconds: seconds(0.5), toolSeconds: seconds(0.6), streamIdleMs: Math.max(500, Math.round(deadlineMs * 0.6)) }
}

/**
 * The whole command line after `codex`, from what this version can do. Every setting is passed by `-c`: no config file
 * is needed or written, and none is read unless its home has settings of its own. Without a model in the session, a
 * person's own model and login are used.
 * @throws UsageError when a server's name cannot stand in a Codex config key
 */
export function execArguments(
  capabilities: CodexCapabilities,
  session: Pick<AgentSession, 'prompt' | 'cwd' | 'servers' | 'deadlineMs'> & Partial<Pick<AgentSession, 'model'>>,
  { catalogFile, ownSettings = false }: { readonly catalogFile?: string; readonly ownSettings?: boolean } = {},
): string[] {
  const { flags, jsonFlag } = capabilities
  const limits = limitsWithin(session.deadlineMs)
  const when = (flag: string, ...values: string[]): string[] => (flags.has(flag) ? [flag, ...values] : [])
  const settings: Record<string, TomlValue> = {
    ...(session.model && {
      model: session.model.name,
      model_provider: provider,
      [`model_providers.${provider}`]: {
        name: provider, base_url: session.model.baseUrl, wire_api: 'responses', env_key: keyVariable,
        // One HTTP 500 made 30 requests in 25 s with the default retries: the first failure is the one to report.
        request_max_retries: 0, stream_max_retries: 0, stream_idle_timeout_ms: limits.streamIdleMs,
      },
    }),
    ...(capabilities.readsModelCatalog && catalogFile !== undefined && { model_catalog_json: catalogFile }),
    // Quiet: with these no version tried to reach a host outside.
    'features.plugins': false,
    'analytics.enabled': false,
    check_for_update_on_startup: false,
    web_search: 'disabled',
  }
  for (const [name, wiring] of Object.entries(session.servers)) {
    // Codex splits the key at its dots and knows no quotes there.
    if (!/^[A-Za-z0-9_-]+$/.test(name)) {
      throw new UsageError(`MCP server name ${JSON.stringify(name)} cannot stand in a Codex config key`, 'use letters, digits, "_" and "-"')
    }
    settings[`mcp_servers.${name}`] = {
      ...wiringTable(wiring),
      // Without it 0.150 and newer do not wait for a server slower than 1 s, and a dead one is not mentioned at all.
      required: true,
      startup_timeout_sec: limits.startupSeconds,
      tool_timeout_sec: limits.toolSeconds,
      default_tools_approval_mode: capabilities.approvesByServer ? 'approve' : undefined,
    }
  }
  return [
    'exec', jsonFlag,
    ...when('--skip-git-repo-check'),
    ...when('--ephemeral'),
    ...(ownSettings ? [] : when('--ignore-user-config')),
    ...when('--ignore-rules'),
    ...when('--sandbox', 'workspace-write'),
    ...when('--cd', session.cwd),
    ...Object.entries(settings).flatMap(([key, value]) => ['--config', `${key}=${toToml(value)}`]),
    '--', session.prompt,
  ]
}

function wiringTable(wiring: McpWiring): Record<string, TomlValue> {
  // Codex hands a stdio server a filtered environment: whatever it needs must stand here.
  return wiring.transport === 'stdio' ? { command: wiring.command, args: wiring.args, env: wiring.env } : { url: wiring.url }
}

/**
 * A model catalog with the session's model in it. The model then counts as known: no warning item, and MCP tools stay
 * in the request's `tools` instead of behind a tool search. The fields are the fewest that 0.130 and 0.169 accept.
 */
export function modelCatalog(slug: string): string {
  return JSON.stringify({
    models: [{
      slug, display_name: slug, supported_reasoning_levels: [], shell_type: 'unified_exec', visibility: 'list',
      supported_in_api: true, priority: 1, base_instructions: 'You are a scripted test model.',
      supports_reasoning_summaries: false, support_verbosity: false, supports_parallel_tool_calls: true,
      truncation_policy: { mode: 'tokens', limit: 10000 }, experimental_supported_tools: [], supports_search_tool: false,
    }],
  })
}

const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']

/** The session's environment plus Codex's home and key. Where a proxy is set, loopback is kept off it. */
export function codexEnvironment(session: Pick<AgentSession, 'env' | 'home' | 'model'>): Record<string, string> {
  const { env } = session
  const bypass = [env.NO_PROXY ?? env.no_proxy, '127.0.0.1', 'localhost'].filter((host) => host !== undefined && host !== '').join(',')
  const proxied = proxyVariables.some((name) => env[name] !== undefined)
  return {
    ...env,
    ...(proxied && { NO_PROXY: bypass, no_proxy: bypass }),
    CODEX_HOME: session.home,
    [keyVariable]: session.model.apiKey,
  }
}
