import { readFileSync } from 'node:fs'
import { request as connectRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
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
export async function throughProxy(
  { proxy, ca }: Pick<GitHubPlace, 'proxy' | 'ca'>, url: string, { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answered> {
  const { hostname, port, pathname, search } = new URL(url)
  const target = `${hostname}:${port === '' ? '443' : port}`
  const raw = await new Promise<Duplex>((resolve, reject) => {
    connectRequest(proxy, { method: 'CONNECT', path: target })
      .once('connect', (response, socket) => {
        if (response.statusCode === 200) resolve(socket)
        else {
          socket.destroy()
          reject(new Error(`the proxy answered ${response.statusCode ?? 0} to CONNECT ${target}`))
        }
      })
      .once('error', reject).end()
  })
  const authority = readFileSync(ca)
  const options: RequestOptions = { method, host: hostname, path: pathname + search, headers: { ...headers, ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }) } }
  return new Promise((resolve, reject) => {
    const secure = connect({ socket: raw, servername: hostname, ca: authority })
    secure.once('error', reject)
    httpsRequest({ ...options, createConnection: () => secure }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).once('error', reject).once('end', () => {
        secure.destroy()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() })
      })
    }).once('error', reject).end(body)
  })
}
