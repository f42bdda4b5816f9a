import { setTimeout as delay } from 'node:timers/promises'

// Says each secret in every form in which programs write one, each in two halves, on both streams; the last words are plain.
const [, , texts = '[]', end] = process.argv
for (const secret of JSON.parse(texts)) {
  const inJson = JSON.stringify(secret).slice(1, -1)
  const forms = [
    secret, `{"said":"${inJson}"}`, JSON.stringify({ text: JSON.stringify({ said: secret }) }), encodeURIComponent(secret),
    // Right after the end of an escape of JSON, of a terminal and of a URL, and of a name.
    `"x\\n${inJson}"`, `\\t${inJson}`, `\u001B[32m${secret}`, `a%3D${encodeURIComponent(secret)}`, `KEY_${secret}`,
    ...['', 'x', 'xy'].flatMap((before) => ['base64', 'base64url'].map((encoding) => Buffer.from(`${before}${secret} and more`).toString(encoding))),
  ]
  for (const form of forms) {
    for (const stream of [process.stdout, process.stderr]) {
      stream.write(form.slice(0, form.length / 2))
      await delay(1)
      stream.write(`${form.slice(form.length / 2)}\n`)
    }
  }
}
if (end === 'fail') process.exit(4)
