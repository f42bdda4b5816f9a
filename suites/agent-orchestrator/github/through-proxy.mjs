import { readFileSync } from 'node:fs'
import { request as connectRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:tls'

/** Connections the way AO's HTTP client makes them: CONNECT through the proxy, TLS with the run's authority as the only one. */
export class ProxyAgent extends Agent {
  #place

  /** @param options as of node's agents, `keepAlive` among them */
  constructor({ proxy, ca }, options) {
    super(options)
    this.#place = { proxy, authority: readFileSync(ca) }
  }

  createConnection({ host, port }, connected) {
    const { proxy, authority } = this.#place
    const target = `${host}:${port}`
    connectRequest(proxy, { method: 'CONNECT', path: target })
      .once('connect', (response, raw) => {
        if (response.statusCode !== 200) {
          raw.destroy()
          return connected(new Error(`the proxy answered ${response.statusCode ?? 0} to CONNECT ${target}`))
        }
        const secure = connect({ socket: raw, servername: host, ca: authority })
        secure.once('error', connected).once('secureConnect', () => {
          secure.off('error', connected)
          connected(null, secure)
        })
      })
      .once('error', connected).end()
  }
}

/**
 * One request through a proxy.
 * @throws Error with the proxy's status when it refuses, and whatever TLS or the connection failed with
 */
export async function throughProxy(place, url, { method = 'GET', headers = {}, body, agent = new ProxyAgent(place) } = {}) {
  return new Promise((resolve, reject) => {
    httpsRequest(url, { method, agent, headers: { ...headers, ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }) } }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk)).once('error', reject).once('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() })
      })
    }).once('error', reject).end(body)
  })
}
