import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createProxy } from './github/proxy.mjs'

/** The port of `discard`, where nobody listens: who is sent there comes nowhere. */
export const nowhere = 'http://127.0.0.1:9'

/** The environment that sends every program to a proxy, but for what is on this machine; curl and git read the small letters. */
export function proxyEnvironment(proxy: string): Record<string, string> {
  const values = { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY: '127.0.0.1,localhost' }
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => [[name, value], [name.toLowerCase(), value]]))
}

/** A proxy that lets nobody out, and remembers who wanted to. */
export interface ClosedProxy {
  readonly url: string
  /** Where somebody wanted to go, as host:port or URL, once for each time. */
  readonly asked: () => readonly string[]
  readonly close: () => void
}

/** @throws Error when it cannot listen on loopback */
export async function closedProxy(): Promise<ClosedProxy> {
  const asked: string[] = []
  const server = createProxy({ hosts: [], certificate: undefined, key: undefined, onRequest: () => undefined, onRefused: (target) => { asked.push(target) }, onTlsError: () => undefined })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
