import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { redactFiles } from './redact-files.ts'
import { Redactor } from './redactor.ts'
import { lookForSecrets } from './run-secrets.ts'
import { isSecretName, isSecretValue, secretsInLogin } from './secrets.ts'

const value = 'a"b\\c/d+e<&>ü 123456'
const redactor = new Redactor({ root: '/ws' }).learnFrom({
  DB_PASSWORD: 'hunter22', MORE_TOKEN: 'hunter22-and-more', ODD_SECRET: value, LONG_TOKEN: '0123456789abcdefghijklmnopqrstuvwxyz', NEXT_TOKEN: 'uvwxyz-next-1-one',
  NAME: 'pl41n-name', A_KEY: '1', KEY_FILE: '/ws/keys', MODE_KEY: 'required', LOGIN_KEY: '/etc/passwd', TOKENS_KEY: '123456789',
})

test.each(['API_KEY', 'github_token', 'DB_PASSWORD', 'ClientSecret', 'AUTH_HEADER', 'DB_PASS', 'npm_config__auth'])('%s is the name of a secret', (name) => {
  expect(isSecretName(name)).toBe(true)
})

test.each(['PATH', 'PM2_HOME', 'PORT', 'GIT_AUTHOR_NAME', 'XAUTHORITY', 'BYPASS_CACHE', 'PASSED'])('%s is not', (name) => {
  expect(isSecretName(name)).toBe(false)
})

test.each([
  ['hunter22', true], ['correct-horse-battery', true], ['1234567890', true], ['/no/such/path+1234', true],
  ['startedAt', false], ['2026-11-21', false], ['2026-11-21T10:00:00.000Z', false], ['/tmp/not-there-yet.json', false], ['short', false], ['required', false], ['bundle-tools', false], ['123456789', false], ['/etc/passwd', false], ['/ws/a', false], ['         1', false],
])('%j can be a secret: %s', (text, expected) => {
  expect(isSecretValue(text, '/ws')).toBe(expected)
})

const url = encodeURIComponent(value)
const base64 = (before: string): string => Buffer.from(`${before}${value}!!`).toString('base64')
test.each([
  { what: 'a value', text: 'the app said hunter22 aloud', shown: 'the app said [redacted DB_PASSWORD] aloud' },
  { what: 'the longer of two values', text: 'hunter22-and-more', shown: '[redacted MORE_TOKEN]' },
  { what: 'two values that overlap', text: '<0123456789abcdefghijklmnopqrstuvwxyz-next-1-one>', shown: '<[redacted LONG_TOKEN]>' },
  { what: 'half of a long value, cut off', text: 'said: 0123456789abcdefghijk…', shown: 'said: [redacted LONG_TOKEN]…' },
  { what: 'JSON', text: JSON.stringify({ a: value }), shown: '{"a":"[redacted ODD_SECRET]"}' },
  { what: 'JSON in JSON in JSON', text: JSON.stringify(JSON.stringify(JSON.stringify(value))), shown: String.raw`"\"\\\"[redacted ODD_SECRET]\\\"\""` },
  { what: 'JSON of ASCII alone', text: String.raw`"a\"b\\c/d+e<&>\u00fc 123456"`, shown: '"[redacted ODD_SECRET]"' },
  { what: "Go's JSON", text: String.raw`"a\"b\\c/d+e\u003c\u0026\u003eü 123456"`, shown: '"[redacted ODD_SECRET]"' },
  { what: 'a URL', text: `?q=${url}&`, shown: '?q=[redacted ODD_SECRET]&' },
  { what: 'a URL in lower case', text: url.replaceAll(/%../g, (code) => code.toLowerCase()), shown: '[redacted ODD_SECRET]' },
  { what: 'a form', text: url.replaceAll('%20', '+'), shown: '[redacted ODD_SECRET]' },
  ...['', 'x', 'xy'].map((before) => ({ what: `base64 after ${before.length} bytes`, text: base64(before), shown: /^.{0,3}\[redacted ODD_SECRET\].{0,6}$/ })),
  ...['', 'x', 'xy'].map((before) => ({ what: `base64url after ${before.length} bytes`, text: base64(before).replaceAll('+', '-').replaceAll('/', '_'), shown: /^.{0,3}\[redacted ODD_SECRET\].{0,6}$/ })),
  { what: 'base64 alone', text: `(${Buffer.from(value).toString('base64')})`, shown: '([redacted ODD_SECRET])' },
  { what: 'an OpenAI key', text: 'key sk-proj-abcdefghijklmnop.', shown: 'key [redacted sk].' },
  { what: 'tokens of GitHub', text: `ghp_${'a1'.repeat(18)} github_pat_${'b_'.repeat(20)}`, shown: '[redacted github] [redacted github]' },
  { what: 'a JWT', text: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123 end', shown: '[redacted jwt] end' },
  { what: 'a bearer token', text: 'Authorization: Bearer abc.def-123', shown: 'Authorization: Bearer [redacted bearer]' },
  { what: 'basic authorization', text: '"authorization":"Basic bWU6cHcx"', shown: '"authorization":"Basic [redacted basic]"' },
  { what: 'keys of AWS, npm, Slack and GitLab', text: `AKIAABCDEFGHIJKLMNOP npm_${'x'.repeat(36)} xoxb-1234567890-a glpat-${'x'.repeat(20)}`, shown: '[redacted aws] [redacted npm] [redacted slack] [redacted gitlab]' },
  { what: 'a password in an address', text: 'http://me:pw1@proxy:80/', shown: 'http://me:[redacted password]@proxy:80/' },
  { what: 'a private key', text: `"-----BEGIN RSA PRIVATE KEY-----\\n${'Ab1+'.repeat(16)}\\nab==\\n-----END RSA PRIVATE KEY-----\\n"`, shown: '"[redacted private key]\\n"' },
  { what: 'a private key that is cut off', text: `-----BEGIN PRIVATE KEY-----\n${'Ab1+'.repeat(16)}\n${'Ab1+'.repeat(16)}`, shown: '[redacted private key]' },
])('$what is taken out', ({ text, shown }) => {
  if (typeof shown === 'string') expect(redactor.text(text)).toBe(shown)
  else expect(redactor.text(text)).toMatch(shown)
  expect(redactor.text(redactor.text(text))).toBe(redactor.text(text))
})

const tokens = {
  sk: 'sk-proj-abcdefghijklmnop', github: `ghp_${'a1'.repeat(18)}`, jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123', bearer: 'Bearer abc.def-123',
  aws: 'AKIAABCDEFGHIJKLMNOP', npm: `npm_${'x'.repeat(36)}`, slack: 'xoxb-1234567890-a', gitlab: `glpat-${'x'.repeat(20)}`,
}
test.each(Object.entries(tokens).flatMap(([name, token]) =>
  [String.raw`"x\n`, String.raw`"\t`, String.raw`\u001b[32m`, '\u001B[1;32m', 'a%3D', 'KEY_', 'x-', '='].map((before) => ({ name, token, before })),
))('a token ($name) is taken out after $before', ({ name, token, before }) => {
  expect(redactor.text(`${before}${token} end`)).toBe(`${before}${name === 'bearer' ? 'Bearer ' : ''}[redacted ${name}] end`)
})

test.each(Object.entries({
  sk: 'sk-', github: 'ghp_', gitlab: 'glpat-', npm: 'npm_', slack: 'xoxb-', bearer: 'Bearer 1', basic: 'authorization: Basic ', jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJ',
}))('a token (%s) of 8 MB is taken out, whole and in pieces', (name, before) => {
  const text = `<${before}${'x'.repeat(8 << 20)}>`
  const shown = new RegExp(`^<[\\w: ]{0,24}\\[redacted ${name}\\]>$`)
  expect(redactor.text(text)).toMatch(shown)
  expect(redactor.lines()(text)).toMatch(shown)
  const stream = redactor.bytes()
  const pieces: Buffer[] = []
  for (let at = 0; at < text.length; at += 65_536) pieces.push(stream.push(Buffer.from(text.slice(at, at + 65_536))))
  expect(Buffer.concat([...pieces, stream.end()]).toString()).toMatch(shown)
})

test('a private key of one line of 8 MB, a password and a named value are taken out', () => {
  const redact = redactor.lines()
  redact('-----BEGIN PRIVATE KEY-----')
  expect(redact('x'.repeat((8 << 20) + 5))).not.toContain('x')
  for (const text of ['--token ', 'token=', 'secret: "', 'Bearer ']) expect(redactor.strictText(`${text}${'z'.repeat(8 << 20)}`)).not.toContain('z')
})

// Where time grew with the square of the text, each took minutes: longer than a test may.
test.each(Object.entries({
  'heads of JWTs': '-eyJaaaaaaaa'.repeat(80_000), 'begins of JWTs': 'eyJ-'.repeat(80_000), 'JWTs of two parts': 'eyJaaaaaaaa.'.repeat(80_000), 'options': '-token'.repeat(80_000), 'dashes': '-'.repeat(80_000),
  'heads of keys': '-----BEGIN PRIVATE KEY-----'.repeat(8000), 'begins of heads': '-----BEGIN '.repeat(80_000), 'addresses': '://a:'.repeat(80_000), 'bearers': 'Bearer '.repeat(80_000),
  'assignments': 'token="'.repeat(80_000), 'spaces': `token${' '.repeat(400_000)}`, 'names': 'token'.repeat(80_000),
}))('%s take time in proportion', (_what, text) => {
  expect(redactor.strictText(text)).not.toBe('')
  expect(redactor.lines()(text)).not.toBe('')
})

test('a thousand secrets that begin alike are learned and found', () => {
  const many = new Redactor().learnFrom(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`V_TOKEN_${index}`, `value-of-${index}-"\\/<>-${'x'.repeat(index % 7)}`])))
  expect(many.text('it is value-of-7-"\\/<>-')).toBe('it is [redacted V_TOKEN_7]')
})

test('a long secret of one letter takes time in proportion, and all of it is taken out', () => {
  const long = new Redactor().learn([{ name: 'LONG', value: 'a'.repeat(20_000) }, { name: 'OTHER', value: `${'b'.repeat(9000)}c${'d'.repeat(11_000)}` }])
  expect(long.text('a'.repeat(60_000))).toMatch(/^\[redacted LONG\]a{0,600}$/)
  expect(long.text('b'.repeat(60_000))).toMatch(/^(?:\[redacted OTHER\])?b*$/)
})

test.each([
  'pl41n-name', 'port 1 of 1', 'in /ws/keys/a.log', '"required"', 'see /etc/passwd', '123456789',
  '11:45:10 http://127.0.0.1:80/mcp tokens used: keyboard', 'the bearer authentication of tasks', 'npm_config_update_notifier=false', 'a disk-of-the-old-machine-1',
  'git@github.com:me/app.git', 'https://example.com:8080/a@b', '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n',
])('%s is left as it is', (text) => {
  expect(redactor.text(text)).toBe(text)
})

test.each([
  ['node app.mjs --api-key abc123 --port 3', 'node app.mjs --api-key [redacted] --port 3'],
  ['--token=abc123', '--token=[redacted]'],
  ['{"client_secret":"abc 123","a":1}', '{"client_secret":[redacted],"a":1}'],
  ['Bearer abcdef', 'Bearer [redacted]'],
  ['--token hunter22', '--token [redacted DB_PASSWORD]'],
])('for people alone, %s is %s', (text, shown) => {
  expect(redactor.strictText(text)).toBe(shown)
})

test.each([
  { what: 'a number', line: '{"pin":1234567890,"a":[1234567890]}', shown: '{"pin":"[redacted PIN_SECRET]","a":["[redacted PIN_SECRET]"]}' },
  { what: 'quotes of the JSON itself', line: '{"a":"x","b":"y-12345"}', shown: '{"a":"[redacted ODD]"}' },
  { what: 'the rest of an escape', line: String.raw`{"a":"\newline-1"}`, shown: String.raw`{"a":"\newline-1"}` },
])('a line of JSON stays JSON where the secret is $what', ({ line, shown }) => {
  const redactor = new Redactor().learn([{ name: 'PIN_SECRET', value: '1234567890' }, { name: 'ODD', value: 'x","b":"y-12345' }, { name: 'ESCAPED', value: 'newline-1' }])
  expect(redactor.line(line)).toBe(shown)
})

test('a private key over several lines of a log is taken out, whatever stands before each', () => {
  const redact = redactor.lines()
  const lines = ['12:00 -----BEGIN EC PRIVATE KEY-----', `12:00 ${'Ab1+'.repeat(16)}`, '12:01 QUJD==', '12:01 -----END EC PRIVATE KEY-----', `12:01 ${'Ab1+'.repeat(16)}`]
  expect(lines.map(redact)).toEqual(['12:00 [redacted private key]', '12:00 [redacted private key]', '12:01 [redacted private key]', '12:01 -----END EC PRIVATE KEY-----', lines[4]])
})

test('a secret is found wherever the pieces of a file are cut, and other bytes stay as they are', () => {
  const filler = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index % 251))
  const whole = Buffer.concat([filler, Buffer.from(` ${value} `), filler, Buffer.from(' hunter22-and-more '), filler])
  const expected = Buffer.concat([filler, Buffer.from(' [redacted ODD_SECRET] '), filler, Buffer.from(' [redacted MORE_TOKEN] '), filler])
  for (const size of [1000, 16 * 1024, 40_003, 40_010, 40_020, 1_000_000]) {
    const stream = redactor.bytes()
    const pieces: Buffer[] = []
    for (let at = 0; at < whole.length; at += size) pieces.push(stream.push(whole.subarray(at, at + size)))
    expect(Buffer.concat([...pieces, stream.end()]).equals(expected), `pieces of ${size}`).toBe(true)
    expect(stream.found).toBe(true)
  }
})

test('a text that goes on is cut before a secret, never in it', () => {
  for (let before = 20_000; before < 20_060; before += 1) {
    const text = `${'.'.repeat(before)}0123456789abcdefghijklmnopqrstuvwxyz${'.'.repeat(16 * 1024 - 20)}`
    const { done, rest } = redactor.cut(text)
    expect(done + rest).toBe(text)
    expect(redactor.text(done) + redactor.text(rest)).toBe(redactor.text(text))
  }
})

test('secrets that turn up in a workspace are learned, and files that have them are written again', () => {
  const root = mkdtempSync(join(tmpdir(), 'redactor-'))
  try {
    for (const folder of ['app', 'agent', 'results']) mkdirSync(join(root, folder))
    const learning = new Redactor({ root, look: lookForSecrets({ root, environmentFiles: [join(root, 'named')], logins: [join(root, 'agent/auth.json')] }) })
    expect(learning.refresh().text('dot-env-1 named-22 refresh-token-3 changed-4')).toBe('dot-env-1 named-22 refresh-token-3 changed-4')
    writeFileSync(join(root, 'app/.env.local'), 'A_TOKEN="dot-env-1"\nPORT=12345678901\n')
    writeFileSync(join(root, 'named'), 'export B_TOKEN=named-22\n')
    writeFileSync(join(root, 'agent/auth.json'), JSON.stringify({ tokens: { refresh: 'refresh-token-3' }, last: '2026-11-21T00:00:00.000Z' }))
    expect(learning.refresh().text('dot-env-1 named-22 refresh-token-3 12345678901 2026-11-21T00:00:00.000Z')).toBe('[redacted A_TOKEN] [redacted B_TOKEN] [redacted auth.json refresh] 12345678901 2026-11-21T00:00:00.000Z')
    writeFileSync(join(root, 'agent/auth.json'), JSON.stringify({ tokens: { refresh: 'refresh-token-of-16' } }))
    writeFileSync(join(root, 'named'), 'B_TOKEN=changed-4\n')
    const files = { 'a.log': 'named-22 and changed-4', 'b.json': '{\n  "a": "refresh-token-of-16"\n}\n', 'c.ndjson': '{"a":"named-22"}\n{"b":1}\n', 'd.log': 'nothing' }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'results', name), text)
    expect(redactFiles(join(root, 'results'), learning.refresh())).toEqual([])
    expect(Object.keys(files).map((name) => readFileSync(join(root, 'results', name), 'utf8'))).toEqual([
      '[redacted B_TOKEN] and [redacted B_TOKEN]', '{\n  "a": "[redacted auth.json refresh]"\n}\n', '{"a":"[redacted B_TOKEN]"}\n{"b":1}\n', 'nothing',
    ])
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test('a login that is no JSON has no secrets, and a folder that is not there no files', () => {
  expect(secretsInLogin('/no/such/auth.json', 'auth.json')).toEqual([])
  expect(redactFiles('/no/such/folder', redactor)).toEqual([])
})

test.each(['hunter2hunter\n', 'hunter2hunter\r\n', ' hunter2hunter'])('the secret %j is found without what stands around it', (secret) => {
  expect(new Redactor().learn([{ name: 'A', value: secret }]).text('said: hunter2hunter.')).toMatch(/^said: ?\[redacted A\]\.$/)
})

test.each([
  ['March 7 2026 token', true], ['abcdefgh 12', true], ['a1b2c3d4', true], ['2026-11-21T00:00:00.000Z', false], ['2026-11-21T00:00:00.123456789+01:00', false], ['a1b2c3d', false], ['chatgpt-plan', false],
])('of a login, %j is a secret: %s', (value, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'login-'))
  try {
    writeFileSync(join(folder, 'auth.json'), JSON.stringify({ a: value }))
    expect(secretsInLogin(join(folder, 'auth.json'), 'auth.json').map((one) => one.value)).toEqual(expected ? [value] : [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a folder that cannot be read and a file that cannot be written cost a sentence each, and nothing of the others', () => {
  const root = mkdtempSync(join(tmpdir(), 'redact-'))
  try {
    mkdirSync(join(root, 'a.log.new'))
    mkdirSync(join(root, 'b'))
    writeFileSync(join(root, 'a.log'), 'hunter22')
    writeFileSync(join(root, 'b', 'c.ndjson'), `{"a":"hunter22"}\n${`{"b":"${'y'.repeat(500)} ü"}\n`.repeat(5000)}{"c":"hunter22`)
    expect(redactFiles(root, redactor)).toEqual([expect.stringContaining('a.log ') as string])
    expect(existsSync(join(root, 'a.log')) && readFileSync(join(root, 'a.log'), 'utf8').includes('hunter22')).toBe(false)
    const text = readFileSync(join(root, 'b', 'c.ndjson'), 'utf8')
    expect(text).toMatch(/^\{"a":"\[redacted DB_PASSWORD\]"\}\n/)
    expect(text.endsWith('{"c":"[redacted DB_PASSWORD]')).toBe(true)
    expect(text.split('ü"}\n')).toHaveLength(5001)
    // A file where a folder was: what cannot be looked at is said, whoever asks.
    expect(redactFiles(join(root, 'b', 'c.ndjson'), redactor)).toEqual([expect.stringContaining('could not be looked at') as string])
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
