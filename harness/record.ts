import { z } from 'zod'
import { verdictClasses, type VerdictClass } from './verdict.ts'

/**
 * What a run writes down about itself. Two forms of the same facts: `progress.ndjson` (one event a line, appended as
 * things happen, so it survives any crash) and `run.json` (the whole run, made from the events when it ends).
 */

const verdictClass = z.enum(Object.keys(verdictClasses) as [VerdictClass, ...VerdictClass[]])

export const verdictRecord = z.object({
  class: verdictClass,
  diagnosis: z.string(),
  evidence: z.array(z.string()).readonly(),
  remedy: z.string().optional(),
  /** What went wrong, or was not done, only because of it; lanes that did not run say so themselves (`because`). */
  consequences: z.array(z.string()).readonly().optional(),
})

/** One of the three questions asked of an expected call. `unknown`: an earlier answer made it pointless to ask. */
export const findingRecord = z.object({ answer: z.enum(['yes', 'no', 'unknown']), detail: z.string() })

export const callRecord = z.object({
  tool: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  attempted: findingRecord,
  executed: findingRecord,
  effective: findingRecord,
})

/** A tool call as the agent's transcript tells it. */
export const observedCallRecord = z.object({
  server: z.string(),
  tool: z.string(),
  arguments: z.unknown(),
  /** They were too long: what stands there is the beginning of their JSON. */
  argumentsCut: z.boolean().optional(),
  status: z.enum(['completed', 'failed', 'abandoned']),
  error: z.string().optional(),
})

/** What happened in an agent session, in order. `call` is an index in `observed`. Long texts are cut, and say so. */
export const conversationRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('message'), text: z.string() }),
  z.object({ kind: z.literal('call'), call: z.number(), answer: z.string().optional() }),
])

/** A tool call as the stack's own log tells it. */
export const receivedCallRecord = z.object({
  tool: z.string(),
  arguments: z.unknown(),
  argumentsCut: z.boolean().optional(),
  ok: z.boolean(),
  error: z.string().optional(),
  answer: z.string().optional(),
  client: z.string(),
})

export const stageRecord = z.object({
  agent: z.object({ name: z.string(), version: z.string(), file: z.string() }),
  model: z.string(),
  prompt: z.string(),
  /** Paths relative to the workspace, and after the run to the results folder. */
  transcript: z.string(),
  /** Neither is there where a person played the stage. */
  stderr: z.string().optional(),
  modelLog: z.string().optional(),
  end: z.enum(['completed', 'failed', 'interrupted', 'silent', 'deadline']),
  exitCode: z.number().nullable(),
  modelRequests: z.number(),
  usage: z.record(z.string(), z.number()),
  offeredTools: z.array(z.string()),
  calls: z.array(callRecord),
  observed: z.array(observedCallRecord),
  /** Records of earlier versions have neither. */
  conversation: z.array(conversationRecord).optional(),
  received: z.array(receivedCallRecord).optional(),
  /** How many parts of the conversation and received calls were too many, and are not here. */
  omitted: z.object({ conversation: z.number(), received: z.number() }).optional(),
})

/** What the sandbox's processes used during a step, all together; CPU: 100 is one core. */
export const usageRecord = z.object({ samples: z.number(), peakMemoryBytes: z.number(), peakProcesses: z.number(), peakCpuPercent: z.number() })

/** What the sandbox's processes used at a moment, or at the worst since the sample before. CPU: 100 is one core. */
export const sampleRecord = z.object({ memoryBytes: z.number(), processes: z.number(), cpuPercent: z.number() })

/** Lists of names that a suite shows of its stack, by title: its tools, the files that git sees changed. */
export const snapshotRecord = z.record(z.string(), z.array(z.string()))

export const processRecord = z.object({
  pid: z.number(), ppid: z.number(), command: z.string(), memoryBytes: z.number(),
  /** Milliseconds since it started. */
  ageMs: z.number(),
})

/** A promise that the system under test did not keep. */
export const promiseRecord = z.object({
  lane: z.string(), step: z.string(), id: z.string(), section: z.string(), promised: z.string(), happened: z.string(),
  severity: z.enum(['high', 'low', 'unclear']), reproduce: z.string(), expected: z.boolean(),
})

/** A finding that was expected of the version and came no more. */
export const staleFindingRecord = z.object({ lane: z.string(), step: z.string(), id: z.string() })

const at = z.iso.datetime()
const status = z.enum(['passed', 'failed', 'skipped'])

export const progressEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run-started'), at, run: z.string(), suite: z.string(), workspace: z.string(), results: z.string() }),
  /** A value worth keeping: a version, a commit id, a port. */
  z.object({ type: z.literal('fact'), at, name: z.string(), value: z.string() }),
  /**
   * `set-up`: the lane was not asked for; it runs because another one needs the state it leaves. Where a lane runs beside
   * others, what it did before its turn stands before this.
   */
  z.object({ type: z.literal('lane-started'), at, lane: z.string(), purpose: z.enum(['selected', 'set-up']), index: z.number(), of: z.number() }),
  z.object({ type: z.literal('step-started'), at, lane: z.string(), step: z.string(), kind: z.enum(['step', 'stage', 'check']), budgetMs: z.number() }),
  z.object({
    type: z.literal('step-ended'), at, lane: z.string(), step: z.string(), status,
    durationMs: z.number(), budgetMs: z.number(),
    /** Why it failed, or why it was skipped. */
    verdict: verdictRecord.optional(), reason: z.string().optional(),
    logs: z.array(z.string()), stage: stageRecord.optional(), usage: usageRecord.optional(),
  }),
  /** Half of a step's budget is gone, and it still runs. */
  z.object({ type: z.literal('step-slow'), at, lane: z.string(), step: z.string(), elapsedMs: z.number(), budgetMs: z.number() }),
  /** Something a person should know that is no failure: an adaptation, a collector that is not there, another attempt. */
  z.object({ type: z.literal('note'), at, text: z.string() }),
  promiseRecord.extend({ type: z.literal('finding'), at }),
  staleFindingRecord.extend({ type: z.literal('stale-finding'), at }),
  /** The run stops for a person to do what the agent would do; the stack is left running. */
  z.object({ type: z.literal('paused'), at, lane: z.string(), stage: z.string(), file: z.string() }),
  z.object({ type: z.literal('lane-ended'), at, lane: z.string(), status, durationMs: z.number(), verdict: verdictRecord.optional(), reason: z.string().optional(),
    /** The lane whose failure is the reason that this one was skipped. */
    because: z.string().optional() }),
  sampleRecord.extend({ type: z.literal('sample'), at }),
  z.object({ type: z.literal('snapshot'), at, lane: z.string(), when: z.enum(['before', 'after']), lists: snapshotRecord }),
  z.object({ type: z.literal('teardown-started'), at }),
  /** The sandbox's processes when the lanes had ended, before anything was stopped. */
  z.object({ type: z.literal('processes'), at, processes: z.array(processRecord) }),
  z.object({ type: z.literal('teardown-ended'), at, durationMs: z.number(), ended: z.number(), leftovers: z.array(z.string()), hostChanges: z.array(z.string()), workspaceKept: z.boolean(), processesKept: z.boolean(), verdict: verdictRecord.optional() }),
])

export const testRecord = z.object({
  name: z.string(),
  status: z.enum(['passed', 'failed', 'skipped', 'not-run']),
  durationMs: z.number(),
  /** Skip reason or failure message. */
  message: z.string().optional(),
  /** Where vitest was asked to try again (`--retry`): what the attempts before the last one said. */
  failedAttempts: z.array(z.string()).optional(),
})

export const stepRecord = z.object({
  name: z.string(),
  kind: z.enum(['step', 'stage', 'check']),
  status: z.enum(['passed', 'failed', 'skipped', 'running']),
  startedAt: z.string(),
  durationMs: z.number(),
  budgetMs: z.number(),
  verdict: verdictRecord.optional(),
  reason: z.string().optional(),
  logs: z.array(z.string()),
  stage: stageRecord.optional(),
  usage: usageRecord.optional(),
  /** It took more than half of its budget. */
  slow: z.boolean().optional(),
})

export const laneRecord = z.object({
  name: z.string(),
  purpose: z.enum(['selected', 'set-up']),
  status: z.enum(['passed', 'failed', 'skipped', 'not-run']),
  startedAt: z.string().optional(),
  durationMs: z.number(),
  verdict: verdictRecord.optional(),
  reason: z.string().optional(),
  /** The lane whose failure is the reason that this one was skipped. */
  because: z.string().optional(),
  /** What to type to see this lane fail again in a workspace that is kept. */
  reproduce: z.string().optional(),
  steps: z.array(stepRecord),
  tests: z.array(testRecord),
  /** What the suite showed of its stack before and after the lane. */
  snapshots: z.object({ before: snapshotRecord.optional(), after: snapshotRecord.optional() }).optional(),
})

export const runRecord = z.object({
  schema: z.literal(1),
  run: z.string(),
  suite: z.string(),
  outcome: z.enum(['passed', 'failed', 'interrupted', 'paused']),
  startedAt: z.string(),
  durationMs: z.number(),
  /** Versions, commit ids, ports. */
  facts: z.record(z.string(), z.string()),
  notes: z.array(z.string()),
  /** Where the run waits for a person. */
  paused: z.object({ lane: z.string(), stage: z.string(), file: z.string() }).optional(),
  lanes: z.array(laneRecord),
  /** Promises that were not kept. */
  findings: z.array(promiseRecord).optional(),
  /** Findings that were expected and came no more. */
  staleFindings: z.array(staleFindingRecord).optional(),
  /** Errors that belong to no lane. */
  errors: z.array(z.string()),
  samples: z.array(sampleRecord.extend({ at: z.string() })).optional(),
  /** The sandbox's processes before anything was stopped. */
  processes: z.array(processRecord).optional(),
  teardown: z.object({ durationMs: z.number(), ended: z.number(), leftovers: z.array(z.string()), hostChanges: z.array(z.string()), workspaceKept: z.boolean(), processesKept: z.boolean(), verdict: verdictRecord.optional() }).nullable(),
})

let words: ReadonlySet<string> | undefined

/** The names and fixed values that records are made of, such as `startedAt`: everybody knows them, and a record without them is none. */
export function wordsOfRecords(): ReadonlySet<string> {
  if (words) return words
  const found = new Set<string>()
  const collect = (schema: unknown): void => {
    if (Array.isArray(schema)) schema.forEach(collect)
    if (typeof schema !== 'object' || schema === null) return
    const { properties = {}, enum: values = [], const: value } = schema as { properties?: object; enum?: unknown[]; const?: unknown }
    for (const word of [...Object.keys(properties), ...values, value]) if (typeof word === 'string') found.add(word)
    Object.values(schema).forEach(collect)
  }
  for (const schema of [runRecord, progressEvent]) collect(z.toJSONSchema(schema))
  return words = found
}

export type ProgressEvent = z.infer<typeof progressEvent>
export type VerdictRecord = z.infer<typeof verdictRecord>
export type FindingRecord = z.infer<typeof findingRecord>
export type CallRecord = z.infer<typeof callRecord>
export type SampleRecord = z.infer<typeof sampleRecord>
export type SnapshotRecord = z.infer<typeof snapshotRecord>
export type ProcessRecord = z.infer<typeof processRecord>
export type ConversationRecord = z.infer<typeof conversationRecord>
export type ObservedCallRecord = z.infer<typeof observedCallRecord>
export type ReceivedCallRecord = z.infer<typeof receivedCallRecord>
export type StageRecord = z.infer<typeof stageRecord>
export type PromiseRecord = z.infer<typeof promiseRecord>
export type StaleFindingRecord = z.infer<typeof staleFindingRecord>
export type StepRecord = z.infer<typeof stepRecord>
export type LaneRecord = z.infer<typeof laneRecord>
export type TestRecord = z.infer<typeof testRecord>
export type RunRecord = z.infer<typeof runRecord>
