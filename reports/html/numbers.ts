/** `0.3 s`, `2 min 5 s`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 120) return `${seconds < 100 ? seconds.toFixed(1) : seconds.toFixed(0)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** A time that was set by a person: no more decimals than it has. */
export const budgetText = (milliseconds: number): string => `${Number((milliseconds / 1000).toFixed(1))} s`

/** `812 B`, `4.1 kB`, `58 MB`: powers of ten, as files are measured. */
export function size(bytes: number): string {
  const [unit, divisor] = bytes < 1e3 ? ['B', 1] as const : bytes < 1e6 ? ['kB', 1e3] as const : bytes < 1e9 ? ['MB', 1e6] as const : ['GB', 1e9] as const
  const value = bytes / divisor
  return `${value >= 10 || unit === 'B' ? value.toFixed(0) : value.toFixed(1)} ${unit}`
}

export const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`

/** When the parts of a run happened, in shares of its whole time from 0 to 1. */
export interface TimeScale {
  readonly startMs: number
  readonly totalMs: number
  /** Where a moment stands; moments outside the run stand at its ends. */
  at(milliseconds: number): number
  /** Round times for an axis, from 0 in at most `most` steps, with where they stand. */
  ticks(most: number): readonly { readonly share: number; readonly text: string }[]
}

/** Seconds between two ticks that a person can count by. */
const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400]

export function timeScale(startMs: number, totalMs: number): TimeScale {
  // A record without times still has a page.
  const total = Number.isFinite(totalMs) && totalMs > 0 ? totalMs : 1
  const start = Number.isFinite(startMs) ? startMs : 0
  const at = (milliseconds: number): number => Number.isFinite(milliseconds) ? Math.min(1, Math.max(0, (milliseconds - start) / total)) : 0
  return {
    startMs: start, totalMs: total, at,
    ticks: (most) => {
      const step = steps.find((seconds) => total / (seconds * 1000) <= most) ?? total / 1000 / most
      const seconds = Array.from({ length: Math.floor(total / 1000 / step) + 1 }, (_, index) => index * step)
      return seconds.map((second) => ({ share: (second * 1000) / total, text: tickText(second, step) }))
    },
  }
}

function tickText(seconds: number, step: number): string {
  if (step < 1) return `${seconds.toFixed(1)} s`
  return step < 60 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`
}

/** A round number at or above the given one, for the end of an axis: 1, 1.5, 2, 3 or 5 with zeros. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1
  const unit = 10 ** Math.floor(Math.log10(value))
  return unit * ([1, 1.5, 2, 3, 5, 10].find((factor) => factor * unit >= value) ?? 10)
}
