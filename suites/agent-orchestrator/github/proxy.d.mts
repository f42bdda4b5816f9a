import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** What a proxy lets in, and whom it tells of what. */
export interface ProxyParts {
  /** Hosts a CONNECT to which ends here, in TLS with the certificate; without any it needs none. */
  readonly hosts: readonly string[]
  readonly certificate: string | undefined
  readonly key: string | undefined
  readonly onRequest: (host: string, request: IncomingMessage, response: ServerResponse) => void
  /** A CONNECT or plain request that was turned away, as host:port or URL. */
  readonly onRefused: (target: string) => void
  readonly onTlsError: (error: Error) => void
}

export function createProxy(parts: ProxyParts): Server
