// A GitHub for a program that knows no other address: an intercepting proxy, the answers, and a control port for the test.
//   node server.mjs '{"directory": "/somewhere", "port": 0}'
// One JSON line says where it listens; it ends on SIGTERM and SIGINT. What it is asked is written to <directory>/requests.jsonl.
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { answer, hosts } from './answer.mjs'
import { makeCertificates } from './certificates.mjs'
import { createProxy } from './proxy.mjs'
import { BadCommand, World } from './world.mjs'

const { directory, port = 0 } = JSON.parse(process.argv[2] ?? '{}')
if (typeof directory !== 'string') {
  console.error('usage: server.mjs \'{"directory": "<where ca.pem and requests.jsonl go>", "port": <the proxy\'s, 0 for any>}\'')
  process.exit(2)
}
mkdirSync(directory, { recursive: true })
const log = createWriteStream(join(directory, 'requests.jsonl'), { flags: 'a' })
const world = new World()
const requests = []
const refused = []
const tlsErrors = []
let seq = 0

const write = (kind, what) => log.write(`${JSON.stringify({ kind, ...what })}\n`)
const at = () => new Date().toISOString()

function onRequest(host, request, response) {
  const { 'user-agent': userAgent, accept, 'x-github-api-version': apiVersion, 'if-none-match': ifNoneMatch } = request.headers
  const entry = { seq: ++seq, at: at(), host, method: request.method, path: request.url, userAgent, accept, apiVersion, ifNoneMatch, complaints: [] }
  requests.push(entry)
  answer(world, entry, request, response).catch((error) => {
    entry.fault = error instanceof Error ? error.stack : String(error)
    request.socket.destroy()
  }).finally(() => { write('request', entry) })
}

const { authority, certificate, key } = await makeCertificates(hosts)
writeFileSync(join(directory, 'ca.pem'), authority)
const proxy = createProxy({
  hosts, certificate, key, onRequest,
  onRefused: (target) => {
    refused.push({ seq: ++seq, at: at(), target })
    write('refused', refused.at(-1))
  },
  onTlsError: (error) => {
    // A client that only hangs up has not refused the certificate.
    if (error.code === 'ECONNRESET') return
    tlsErrors.push({ seq: ++seq, at: at(), message: error.message })
    write('tls-error', tlsErrors.at(-1))
  },
})

const commands = {
  log: (after = 0) => Object.fromEntries(Object.entries({ requests, refused, tlsErrors }).map(([name, all]) => [name, all.filter((entry) => entry.seq > after)])),
  mark: () => seq,
  ...Object.fromEntries(['setRepository', 'removeRepository', 'setPull', 'removePull', 'push', 'openThread', 'resolveThread', 'setToken', 'forgetTokens', 'setEtags', 'failOn', 'heal']
    .map((name) => [name, (...args) => world[name](...args)])),
}

const control = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
    const reply = (status, value) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
    try {
      const command = Object.hasOwn(commands, request.url?.slice(1)) ? commands[request.url.slice(1)] : undefined
      if (request.method !== 'POST' || command === undefined) reply(404, { error: `no command ${request.method} ${request.url}` })
      else reply(200, { value: command(...JSON.parse(Buffer.concat(chunks).toString() || '[]')) ?? null })
    } catch (error) {
      reply(error instanceof BadCommand || error instanceof SyntaxError ? 400 : 500, { error: error instanceof Error ? (error instanceof BadCommand ? error.message : error.stack) : String(error) })
    }
  })
})
// Connections are ended by the client alone: one that the server ends too may be used just when it goes.
control.keepAliveTimeout = 0

const listen = (server, where) => new Promise((resolve, reject) => {
  server.once('error', reject)
  server.listen(where, '127.0.0.1', () => { resolve(`http://127.0.0.1:${server.address().port}`) })
})
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { log.end(() => process.exit(0)) })
console.log(JSON.stringify({ proxy: await listen(proxy, port), ca: join(directory, 'ca.pem'), control: await listen(control, 0) }))
