import { cutAtWord } from './cut-at-word.ts'
import { findingGroups, inNumbersOrder, standingOf, type FindingGroup, type Findings, type ToldFinding } from './findings.ts'
import { count } from './html/numbers.ts'

/** GitHub takes 65,536 characters in a comment; somebody may want to write a word above. Characters (UTF-16 units). */
export const pasteLimit = 64_500

/** No single text may take the room of all others. Characters. */
const longest = { line: 300, title: 600, happened: 3000, reproduce: 6000, names: 1500, worked: 24_000 } as const
/** Of lists beside the findings so many are told. */
const mostItems = 40

interface Room {
  /** How many findings are told in full, from the first on. */
  readonly full: number
  /** How many are told at all. */
  readonly told: number
  readonly listsWorked: boolean
}

/** The findings as a text that can be pasted as a reply where the promises stand: it fits into a comment of GitHub. */
export function findingsMarkdown(all: Findings): string {
  const groups = findingGroups(all.findings)
  const number = (kind?: FindingGroup['kind']): number => groups.reduce((sum, group) => sum + (kind === undefined || group.kind === kind ? group.told.length : 0), 0)
  const [every, fresh] = [number(), number('new')]
  // From the best to the shortest: known ones are shortened, then what worked, then new ones, and at last some are left out.
  const rooms: readonly Room[] = [
    ...downFrom(every, fresh).map((full) => ({ full, told: every, listsWorked: true })),
    ...downFrom(fresh, 0).map((full) => ({ full, told: every, listsWorked: false })),
    ...downFrom(every, 0).map((told) => ({ full: 0, told, listsWorked: false })),
  ]
  const parts = partsOf(all, groups)
  // Each is shorter than the one before, so halving finds the first that fits; the last one always does.
  let [low, high] = [0, rooms.length - 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (textIn(parts, rooms[middle]).length <= pasteLimit) high = middle
    else low = middle + 1
  }
  return textIn(parts, rooms[high])
}

const downFrom = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, index) => from - index)

interface Parts {
  readonly head: readonly string[]
  readonly findings: readonly { readonly title: string; readonly full: readonly string[]; readonly line: string }[]
  readonly beside: readonly string[]
  readonly worked: { readonly long: readonly string[]; readonly short: readonly string[] }
}

function partsOf(all: Findings, groups: readonly FindingGroup[]): Parts {
  const { run, suite, versions, stale, notJudged, worked } = all
  const versionLines = Object.entries(versions).filter(([name]) => /^(version|source|platform)\b/.test(name)).map(([name, value]) => `${name}: ${value}`)
  return {
    head: [standingOf(all), '', `Walked by machine: clone-smoke suite \`${suite}\`, run ${run}.`, ...listed(versionLines)],
    findings: groups.flatMap(({ title, told }) => told.map((finding) => ({ title, full: fullOf(finding), line: `- ${lineOf(finding)}` }))),
    beside: [
      ...headed('Known, and not found any more', stale.map(({ step, id }) => `${step}: ${id}`)),
      ...headed('Not judged', notJudged.map(({ check, why }) => `${check}: ${why}`)),
    ],
    worked: workedOf(worked),
  }
}

function textIn({ head, findings, beside, worked }: Parts, { full, told, listsWorked }: Room = { full: 0, told: 0, listsWorked: false }): string {
  const more = findings.length - told
  return [
    ...head,
    ...findings.slice(0, full).flatMap(({ title, full: lines }, index) => [...(title === findings[index - 1]?.title ? [] : ['', `### ${title}`]), ...lines]),
    ...(full === findings.length ? [] : [
      '', '### In a line each', '', `This text is as long as a comment may be; the rest of it is in ${rest}.`, '',
      ...findings.slice(full, told).map(({ line }) => line), ...(more > 0 ? [`- and ${more} more`] : []),
    ]),
    ...beside, ...(listsWorked ? worked.long : worked.short), '',
  ].join('\n')
}

const rest = 'findings.json and report.html beside it'
const weights = { high: 'breaks a promise', low: 'of less weight', unclear: 'unclear' } as const
const kindOf = ({ expected }: ToldFinding): string => expected ? 'known' : 'new'

function fullOf(finding: ToldFinding): string[] {
  const { section, id, promised, happened, reproduce, seen, lane, step } = finding
  const lanes = [...new Set(seen.map((by) => by.lane))]
  const fence = '`'.repeat(Math.max(3, longestTicks(reproduce) + 1))
  return [
    '', `**§${oneLine(section)}** ${oneLine(promised, longest.title)} (${kindOf(finding)}, ${code(id)})`, '',
    ...(seen.length > 1 ? [`- found ${seen.length} times, in ${lanes.length === 1 ? 'lane' : 'lanes'} ${oneLine(lanes.join(', '), longest.names)}; told as in lane ${oneLine(lane)}, check "${oneLine(step)}"`] : []),
    `- happened: ${oneLine(happened, longest.happened)}`,
    // Half of a command would be another one.
    ...(reproduce === '' ? [] : reproduce.length > longest.reproduce ? [`- to see it: ${reproduce.length} characters, in ${rest}`] : ['- to see it:', '', `${fence}sh`, ...reproduce.split('\n'), fence]),
  ]
}

const lineOf = (finding: ToldFinding): string => `§${oneLine(finding.section)} ${oneLine(finding.promised)} (${kindOf(finding)}, ${weights[finding.severity]}, ${code(finding.id)})`

/** What worked, a line for each section, folded. */
function workedOf(worked: readonly string[]): Parts['worked'] {
  if (worked.length === 0) return { long: [], short: [] }
  const sections = new Map<string, string[]>()
  for (const check of worked) {
    const section = sectionOf(check)
    const names = sections.get(section) ?? []
    sections.set(section, names)
    names.push(oneLine(check.slice(section.length)))
  }
  const lines = [...sections].toSorted(([one], [other]) => inNumbersOrder(one, other)).map(([section, names]) => `- ${section === '' ? '' : `${section}: `}${names.join('; ')}`)
  const title = `What worked: ${count(worked.length, 'check')}`
  const short = ['', `${title}, named in ${rest}.`]
  return { long: lines.join('\n').length > longest.worked ? short : ['', `<details><summary>${title}</summary>`, '', ...lines, '', '</details>'], short }
}

const sectionOf = (check: string): string => /^\d+(?:\.\d+)*(?=\s)/.exec(check)?.[0] ?? ''

const headed = (title: string, items: readonly string[]): string[] => items.length === 0 ? [] : ['', `### ${title}`, ...listed(items)]

const listed = (items: readonly string[]): string[] => items.length === 0 ? [] : [
  '', ...items.slice(0, mostItems).map((item) => `- ${oneLine(item)}`), ...(items.length > mostItems ? [`- and ${items.length - mostItems} more`] : []),
]

const oneLine = (text: string, limit: number = longest.line): string => cutAtWord(text.trim().replaceAll(/\s*\n\s*/g, ' '), limit)

const longestTicks = (text: string): number => Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))

/** Text in a code span, whatever it holds. */
function code(text: string): string {
  const shown = oneLine(text)
  const ticks = '`'.repeat(longestTicks(shown) + 1)
  const blank = ticks.length > 1 ? ' ' : ''
  return `${ticks}${blank}${shown}${blank}${ticks}`
}
