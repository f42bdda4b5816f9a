// Listens on a port; with a file as second argument not before that file is there. Then it makes <file>.held.
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'

const [port, after] = process.argv.slice(2)
const listen = () => createServer().listen(Number(port), '127.0.0.1', () => {
  if (after === undefined) console.log('ready')
  else writeFileSync(`${after}.held`, '')
})
if (after === undefined) listen()
else {
  const timer = setInterval(() => {
    if (!existsSync(after)) return
    clearInterval(timer)
    listen()
  }, 20)
  console.log('ready')
}
