import { commandOf } from './table.ts'

/** What the processes used, all together. */
export interface Usage {
  /** How often it was looked. */
  readonly samples: number
  /** Resident memory; pages that processes share count for each of them. */
  readonly peakMemoryBytes: number
  readonly peakProcesses: number
  /** 100 = one core. Over the time between two looks, so a first look has none. */
  readonly peakCpuPercent: number
}

/** What one look saw, or the worst of several. */
export interface Sample {
  readonly memoryBytes: number
  readonly processes: number
  readonly cpuPercent: number
}

export interface UsageSampler {
  /** Looks now, or joins the look that is under way. Rejects with what `pids` or `onOver` throws. */
  sample(): Promise<void>
  /** Usage since the last take of the same taker: what runs at the same time takes apart. */
  take(who?: string): Usage
  /** Ends it: no further look is begun, and nothing is told any more. */
  stop(): void
}

export interface SamplerOptions {
  /** Finds the processes to look at; asked anew each time. */
  readonly pids: () => readonly number[]
  readonly intervalMs?: number
  readonly limits?: { readonly memoryBytes?: number; readonly processes?: number }
  /** Told once per limit which was passed, and by what. */
  readonly onOver?: (what: string) => void
  /** Told what each look saw. */
  readonly onSample?: (sample: Sample) => void
  /** How long pidusage keeps the open file of a process that is not asked for any more. Default 60000 ms, its own. */
  readonly historyMs?: number
}

/** What pidusage says of one process: bytes, and milliseconds of CPU and since its start. */
interface Stat {
  readonly memory: number
  readonly ctime: number
  readonly elapsed: number
}

interface Look {
  readonly at: number
  readonly stats: ReadonlyMap<number, Stat>
}

/** CPU time comes in ticks of 10 ms: over less than this, one tick would look like a busy core. Milliseconds. */
const leastGapMs = 200

/** How far the age that pidusage gives may be off: /proc/uptime and start times were seen to differ by 30 ms. */
const ageErrorMs = 100

/** Samples now and every `intervalMs` (default 2000), one at a time; the timer keeps no process alive. */
export function startSampler({ pids, intervalMs = 2000, limits = {}, onOver, onSample, historyMs = 60_000 }: SamplerOptions): UsageSampler {
  const read = reader(historyMs)
  const told = new Set<string>()
  const usages = new Map([['', nothing]])
  let last: Look | undefined
  let running: Promise<void> | undefined
  let stopped = false

  const over = (limit: string, what: string, stats: ReadonlyMap<number, Stat>): void => {
    if (told.has(limit)) return
    told.add(limit)
    onOver?.(`${what}; the largest: ${largest(stats)}`)
  }
  const look = async (): Promise<void> => {
    const stats = await read(pids())
    const now = { at: performance.now(), stats }
    if (isStopped()) return
    const memory = [...stats.values()].reduce((sum, stat) => sum + stat.memory, 0)
    let cpu = 0
    if (last === undefined) last = now
    else if (now.at - last.at >= leastGapMs) {
      cpu = cpuBetween(last, now)
      last = now
    }
    for (const [who, usage] of usages) {
      usages.set(who, {
        samples: usage.samples + 1,
        peakMemoryBytes: Math.max(usage.peakMemoryBytes, memory),
        peakProcesses: Math.max(usage.peakProcesses, stats.size),
        peakCpuPercent: Math.max(usage.peakCpuPercent, cpu),
      })
    }
    onSample?.({ memoryBytes: memory, processes: stats.size, cpuPercent: cpu })
    if (limits.memoryBytes !== undefined && memory > limits.memoryBytes) {
      over('memory', `the sandbox uses ${size(memory)} of memory, more than ${size(limits.memoryBytes)}`, stats)
    }
    if (limits.processes !== undefined && stats.size > limits.processes) {
      over('processes', `the sandbox has ${stats.size} processes, more than ${limits.processes}`, stats)
    }
  }
  const isStopped = (): boolean => stopped
  const sample = (): Promise<void> => {
    if (stopped) return Promise.resolve()
    running ??= look().finally(() => { running = undefined })
    return running
  }
  // Nobody waits for these: what one could not see, the next one may.
  const timer = setInterval(() => { sample().catch(() => undefined) }, intervalMs).unref()
  sample().catch(() => undefined)
  return {
    sample,
    take: (who = '') => {
      const taken = usages.get(who) ?? nothing
      usages.set(who, nothing)
      return taken
    },
    stop: () => {
      stopped = true
      clearInterval(timer)
    },
  }
}

/**
 * Passes on samples for a curve: at most one in `gapMs` (default 900), with the worst of what came in between. The gap
 * doubles after every `perGap` (default 300), so that a run of any length leaves a bounded number.
 */
export function thinned(add: (sample: Sample) => void, { gapMs = 900, perGap = 300, now = () => performance.now() } = {}): (sample: Sample) => void {
  let gap = gapMs
  let added = 0
  let last = -Infinity
  let worst: Sample = { memoryBytes: 0, processes: 0, cpuPercent: 0 }
  return (sample) => {
    worst = {
      memoryBytes: Math.max(worst.memoryBytes, sample.memoryBytes),
      processes: Math.max(worst.processes, sample.processes),
      cpuPercent: Math.max(worst.cpuPercent, sample.cpuPercent),
    }
    const at = now()
    if (at - last < gap) return
    add(worst)
    last = at
    worst = { memoryBytes: 0, processes: 0, cpuPercent: 0 }
    added += 1
    if (added % perGap === 0) gap *= 2
  }
}

const nothing: Usage = { samples: 0, peakMemoryBytes: 0, peakProcesses: 0, peakCpuPercent: 0 }

/**
 * CPU of all processes from one look to the next. A process that began in between spent all its time there; what an
 * older one that was not seen before spent, and when, is not known.
 */
function cpuBetween(before: Look, now: Look): number {
  const gap = now.at - before.at
  let spent = 0
  for (const [pid, stat] of now.stats) {
    const earlier = before.stats.get(pid)
    if (earlier !== undefined && stat.elapsed >= earlier.elapsed) spent += Math.max(0, stat.ctime - earlier.ctime)
    else if (stat.elapsed >= 0 && stat.elapsed < gap + ageErrorMs) spent += stat.ctime
  }
  return (spent / gap) * 100
}

/**
 * Asks pidusage 4.1.0. It keeps an open file per process until that was not asked for during `maxage` (lib/history.js).
 * Its `clear` forgets the files without closing them, maxage 0 never ends, and a short one may close a file that is being
 * read. So it keeps them, and a pid that fails is not asked for until its file is closed: a later process may have it.
 */
function reader(maxage: number): (pids: readonly number[]) => Promise<Map<number, Stat>> {
  const failed = new Map<number, number>()
  return async (pids) => {
    const now = performance.now()
    for (const [pid, since] of failed) if (now - since > 2 * maxage) failed.delete(pid)
    const asked = [...new Set(pids)].filter((pid) => !failed.has(pid))
    const stats = new Map<number, Stat>()
    if (asked.length === 0) return stats
    // Not at the head of this module: a run that samples nothing loads nothing.
    const { default: pidusage } = await import('pidusage')
    // It rejects when the only process asked for is gone; of several, those that are gone have no answer.
    const answer: Readonly<Record<string, Stat | null | undefined>> = await pidusage([...asked], { maxage }).catch(() => ({}))
    for (const pid of asked) {
      const stat = answer[String(pid)]
      if (!stat) failed.set(pid, now)
      else stats.set(pid, stat)
    }
    return stats
  }
}

function largest(stats: ReadonlyMap<number, Stat>): string {
  return [...stats].toSorted(([, a], [, b]) => b.memory - a.memory).slice(0, 3)
    .map(([pid, { memory }]) => `${pid} ${commandOf(pid) || '(gone)'} (${size(memory)})`).join(', ')
}

function size(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}
