import { connect } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startScriptedModel, type Script, type ScriptedModel, type ScriptedModelOptions } from './scripted.ts'

const script: Script = {
  turns: [
    [{ server: 'probe', tool: 'one', arguments: { a: 1 } }, { server: 'probe', tool: 'two', arguments: {} }],
    [{ server: 'probe', tool: 'one', arguments: { a: 'ä "b"' } }],
  ],
  finalMessage: 'all done',
}
const tools = [{ type: 'namespace', name: 'mcp__probe', tools: [{ type: 'function', name: 'one' }, { type: 'function', name: 'two' }] }]
const outputs = (...ids: string[]): object[] => ids.map((id) => ({ type: 'function_call_output', call_id: id, output: `output of ${id}` }))

async function start(options: ScriptedModelOptions = {}, played: Script = script): Promise<ScriptedModel> {
  const model = await startScriptedModel(played, options)
  onTestFinished(async () => { await model.finish() })
  return model
}

interface Question {
  readonly path?: string
  readonly method?: string
  readonly key?: string | undefined
  readonly headers?: Record<string, string>
  readonly text?: string
}

function ask(model: ScriptedModel, input: readonly object[], question: Question = {}, offered: unknown = tools): Promise<Response> {
  const { path = '/responses', method = 'POST', key = `Bearer ${model.endpoint.apiKey}`, headers, text = JSON.stringify({ input, tools: offered }) } = question
  return fetch(model.endpoint.baseUrl + path, {
    method, headers: { ...(key !== '' && { authorization: key }), ...headers }, ...(method !== 'GET' && { body: text }),
  })
}

interface Event {
  readonly type: string
  readonly item?: Readonly<Record<string, unknown>>
}

async function eventsOf(response: Response): Promise<Event[]> {
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  return (await response.text()).trimEnd().split('\n\n').map((block) => {
    const [name = '', data = ''] = block.split('\n')
    const event = JSON.parse(data.replace(/^data: /, '')) as Event
    expect(name).toBe(`event: ${event.type}`)
    return event
  })
}

const itemsOf = async (response: Response): Promise<unknown[]> => (await eventsOf(response)).flatMap(({ item }) => item ?? [])

test('plays a script to its end and tells what it saw', async () => {
  const model = await start()
  expect(model.endpoint).toMatchObject({ name: 'scripted', baseUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1$/) as string })
  const first = await eventsOf(await ask(model, []))
  expect(first.map(({ type }) => type)).toEqual(['response.created', 'response.output_item.done', 'response.output_item.done', 'response.completed'])
  expect(first[1]?.item).toEqual({ type: 'function_call', call_id: 'call-1-1', namespace: 'mcp__probe', name: 'one', arguments: '{"a":1}' })
  expect(await itemsOf(await ask(model, outputs('call-1-1', 'call-1-2')))).toMatchObject([{ call_id: 'call-2-1', arguments: '{"a":"ä \\"b\\""}' }])
  const last = await itemsOf(await ask(model, [
    ...outputs('call-1-1', 'call-1-2'),
    { type: 'function_call_output', call_id: 'call-2-1', output: [{ type: 'input_text', text: 'Wall time' }, { type: 'input_text', text: 'unharmed' }] },
  ]))
  expect(last).toMatchObject([{ type: 'message', content: [{ type: 'output_text', text: 'all done' }] }])
  expect(await model.finish()).toEqual({
    requests: 3, expectedRequests: 3, offeredTools: ['probe/one', 'probe/two'], missing: [], problems: [], shortfall: undefined,
    outputs: [
      { server: 'probe', tool: 'one', callId: 'call-1-1', text: 'output of call-1-1', unsupported: false },
      { server: 'probe', tool: 'two', callId: 'call-1-2', text: 'output of call-1-2', unsupported: false },
      { server: 'probe', tool: 'one', callId: 'call-2-1', text: 'Wall time\nunharmed', unsupported: false },
    ],
  })
})

test.each<[string, (model: ScriptedModel) => Promise<Response>, RegExp]>([
  ['another path', (model) => ask(model, [], { path: '/chat/completions' }), /^POST \/v1\/chat\/completions: only POST \/v1\/responses is served$/],
  ['another method', (model) => ask(model, [], { method: 'GET' }), /^GET \/v1\/responses: the method must be POST$/],
  ['no key', (model) => ask(model, [], { key: '' }), /no Authorization header$/],
  ['another key', (model) => ask(model, [], { key: 'Bearer guess' }), /the Authorization header is not this model's bearer key$/],
  ['no JSON', (model) => ask(model, [], { text: '{"inp' }), /^the request body is not JSON: "\{\\"inp"$/],
  ['a compressed body', (model) => ask(model, [], { text: 'zzz', headers: { 'content-encoding': 'zstd' } }), /not JSON \(content-encoding: zstd\)/],
  ['no input', (model) => ask(model, [], { text: '{"tools":[]}' }), /^the request body has no "input" list: \{"tools":\[\]\}$/],
  ['an output of no call', (model) => ask(model, outputs('call-9')), /^request 1: output of a call that was never made: call-9$/],
  ['one output too few', async (model) => { await ask(model, []); return ask(model, outputs('call-1-1')) }, /^request 2: no output of call call-1-2 \(probe\/two, asked for in answer 1\)$/],
  ['one output twice', async (model) => { await ask(model, []); return ask(model, outputs('call-1-1', 'call-1-1', 'call-1-2')) }, /^request 2: two outputs of call call-1-1 \(probe\/one\)$/],
  ['a forgotten output', async (model) => {
    await ask(model, [])
    await ask(model, outputs('call-1-1', 'call-1-2'))
    return ask(model, outputs('call-1-1', 'call-2-1'))
  }, /^request 3: no output of call call-1-2/],
  ['one request too many', async (model) => {
    await ask(model, [])
    await ask(model, outputs('call-1-1', 'call-1-2'))
    await ask(model, outputs('call-1-1', 'call-1-2', 'call-2-1'))
    return ask(model, outputs('call-1-1', 'call-1-2', 'call-2-1'))
  }, /^request 4: the script ends after 3$/],
  ['tools behind a search', (model) => ask(model, [], {}, [{ type: 'tool_search' }]), /only through tool_search/],
])('%s is refused with HTTP 400 and recorded', async (_, deviate, problem) => {
  const model = await start()
  const response = await deviate(model)
  expect(response.status).toBe(400)
  const { problems } = await model.finish()
  expect(problems).toEqual([expect.stringMatching(problem)])
  expect(await response.json()).toMatchObject({ error: { message: `scripted model: ${problems[0] ?? ''}` } })
  expect(problems[0]).not.toContain(model.endpoint.apiKey)
})

test('an agent that leaves early is a shortfall, no problem', async () => {
  const model = await start()
  await ask(model, [])
  expect(await model.finish()).toMatchObject({ requests: 1, expectedRequests: 3, problems: [], shortfall: 'the model was asked 1 times, the script has 3 answers' })
})

test('a tool that is not offered is asked for in the style of the others, and recorded with them', async () => {
  const model = await start({}, { turns: [[{ server: 'probe', tool: 'gone', arguments: {} }]] })
  expect(await itemsOf(await ask(model, []))).toMatchObject([{ namespace: 'mcp__probe', name: 'gone' }])
  await ask(model, [{ type: 'function_call_output', call_id: 'call-1-1', output: 'unsupported call: mcp__probegone' }])
  expect(await model.finish()).toMatchObject({
    missing: [{ server: 'probe', tool: 'gone', offered: ['probe/one', 'probe/two'] }], problems: [],
    outputs: [{ tool: 'gone', text: 'unsupported call: mcp__probegone', unsupported: true }],
  })
})

test('a tool that is not offered can be refused', async () => {
  const model = await start({ whenMissing: 'refuse' }, { turns: [[{ server: 'probe', tool: 'gone', arguments: {} }]] })
  expect((await ask(model, [])).status).toBe(400)
  expect((await model.finish()).problems).toEqual(['tool probe/gone is not offered; offered: probe/one, probe/two'])
})

test('a script without calls is one message', async () => {
  const model = await start({}, { turns: [] })
  expect(await itemsOf(await ask(model, []))).toMatchObject([{ content: [{ text: 'done' }] }])
  expect(await model.finish()).toMatchObject({ requests: 1, expectedRequests: 1, shortfall: undefined })
})

test('every request is logged as it was, without its key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'scripted-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const modelLog = join(folder, 'new/stage.model.ndjson')
  const model = await start({ modelLog })
  await ask(model, [{ type: 'message', content: 'the prompt' }])
  await ask(model, outputs('call-1-1'))
  const log = await readFile(modelLog, 'utf8')
  expect(log.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
    { request: 1, body: { input: [{ type: 'message', content: 'the prompt' }], tools } },
    { request: 2, body: { input: outputs('call-1-1'), tools } },
  ])
  expect(log).not.toContain(model.endpoint.apiKey)
})

test('a fault comes at its request, and only there', async () => {
  const model = await start({ faults: [{ request: 2, status: 503 }] }, { turns: [] })
  expect((await ask(model, [])).status).toBe(200)
  const failed = await ask(model, [])
  expect(failed.status).toBe(503)
  expect(await failed.json()).toMatchObject({ error: { message: 'scripted fault: HTTP 503' } })
  expect((await model.finish()).problems).toEqual([])
})

test('a cut stream ends before its last event', async () => {
  const model = await start({ faults: [{ request: 1, cut: true }] })
  expect((await eventsOf(await ask(model, []))).map(({ type }) => type)).toEqual(['response.created'])
})

test('a model that never answers does not keep finish from ending', async () => {
  const model = await start({ faults: [{ request: 1, hang: 'headers' }] })
  const { port } = new URL(model.endpoint.baseUrl)
  const answer = ask(model, [])
  const gone = expect(answer).rejects.toThrow()
  // An idle connection must not hold it either.
  const idle = connect({ host: '127.0.0.1', port: Number(port) })
  await new Promise((settle) => { idle.once('connect', settle) })
  const closed = new Promise((settle) => { idle.once('close', settle).on('error', () => undefined) })
  await expect.poll(async () => (await ask(model, [], { path: '/x' })).status).toBe(400)
  await model.finish()
  await Promise.all([gone, closed])
  await expect(fetch(model.endpoint.baseUrl)).rejects.toThrow()
})

test('a stream that falls silent gave its first event', async () => {
  const model = await start({ faults: [{ request: 1, hang: 'stream' }] })
  const reader = (await ask(model, [])).body?.getReader()
  const first: { value?: Uint8Array | undefined } | undefined = await reader?.read()
  expect(new TextDecoder().decode(first?.value)).toContain('response.created')
  const rest = expect(reader?.read()).rejects.toThrow()
  await model.finish()
  await rest
})

test('finish may be called again; two models do not share a key', async () => {
  const [one, two] = [await start(), await start()]
  expect(one.endpoint.apiKey).not.toBe(two.endpoint.apiKey)
  expect(await one.finish()).toEqual(await one.finish())
})
