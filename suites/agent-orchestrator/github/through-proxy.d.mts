import type { GitHubPlace } from './start-server.ts'

export interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

/**
 * One request the way AO's HTTP client makes it: CONNECT through the proxy, TLS with the run's authority as the only one.
 * @throws Error with the proxy's status when it refuses, and whatever TLS or the connection failed with
 */
export function throughProxy(place: Pick<GitHubPlace, 'proxy' | 'ca'>, url: string, request?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Answered>
