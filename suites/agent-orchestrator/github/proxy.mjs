import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

/**
 * A proxy that a client reaches GitHub through: a CONNECT to one of `hosts` ends here, in TLS with the run's own
 * certificate; every other one is refused with 403.
 * @param onRequest one request to one of the hosts, decrypted
 * @param onRefused a CONNECT or plain request that was turned away, as host:port or URL
 * @param onTlsError a client that did not take the certificate
 */
export function createProxy({ hosts, certificate, key, onRequest, onRefused, onTlsError }) {
  const inside = createTlsServer({ cert: certificate, key, ALPNProtocols: ['http/1.1'] }, (request, response) => {
    // Not from the Host header: that is what the client says, this is where it went.
    onRequest(request.socket.servername || String(request.headers.host), request, response)
  })
  inside.on('tlsClientError', onTlsError)
  inside.on('clientError', (error, socket) => { socket.destroy() })
  const proxy = createServer((request, response) => {
    onRefused(request.url ?? '?')
    response.writeHead(403, { 'Content-Type': 'text/plain' }).end('clone-smoke: nothing but GitHub is reached from here\n')
  })
  proxy.on('connect', (request, socket, head) => {
    socket.on('error', () => undefined)
    const target = request.url ?? ''
    if (!hosts.some((host) => target.toLowerCase() === `${host}:443`)) {
      onRefused(target)
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length > 0) socket.unshift(head)
    inside.emit('connection', socket)
  })
  proxy.on('clientError', (error, socket) => { socket.destroy() })
  return proxy
}
