import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { RunRecord } from '../../harness/record.ts'
import { findChromium } from './fixtures/chromium.ts'
import { failedRun, greenRun, writeResults } from './fixtures/run.ts'
import { reportPage } from './page.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const program = findChromium()
const missing = 'no Chromium on the PATH: install it, e.g. apt-get install chromium'

let base: string
let browser: Browser | undefined
let context: BrowserContext | undefined
/** What the page asked for and complained about. */
let requests: string[]
let complaints: string[]

beforeAll(async () => {
  if (program === undefined) {
    // On a machine without a browser this does not apply; where nobody would see that it was skipped, it must not pass.
    if ((process.env.CI ?? '') !== '') throw new Error(missing)
    console.warn(`skipped: ${missing}`)
    return
  }
  base = realpathSync(mkdtempSync(join(tmpdir(), 'browser-')))
  for (const [name, record] of [['green', greenRun()], ['failed', failedRun()]] as const) writeReport(name, record)
  mkdirSync(join(base, 'home'))
  browser = await chromium.launch({ executablePath: program, env: { PATH: process.env.PATH ?? '', HOME: join(base, 'home'), TMPDIR: base } })
})
afterAll(async () => {
  await browser?.close()
  if (program !== undefined) rmSync(base, { recursive: true, force: true, maxRetries: 5 })
})
beforeEach((task) => { task.skip(program === undefined, missing) })
afterEach(async () => { await context?.close() })

function writeReport(name: string, record: RunRecord): void {
  const results = join(base, name)
  mkdirSync(results)
  writeResults(results)
  writeFileSync(join(results, 'report.html'), reportPage(record, results))
}

interface Look {
  readonly width?: number
  readonly theme?: 'light' | 'dark'
  readonly script?: boolean
}

async function open(name: string, { width = 1280, theme = 'light', script = true }: Look = {}): Promise<Page> {
  if (!browser) throw new Error('the browser was not started')
  requests = []
  complaints = []
  context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: theme, javaScriptEnabled: script, offline: true, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] })
  const page = await context.newPage()
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`file://${join(base, name, 'report.html')}`)
  return page
}

const openAll = (page: Page): Promise<void> => page.evaluate(`for (const fold of document.querySelectorAll('details')) fold.open = true`)

/** How far the widest thing reaches beyond the window. Pixels. */
const overflow = (page: Page): Promise<number> => page.evaluate<number>(`document.documentElement.scrollWidth - innerWidth`)

/** A slow machine takes its time. */
const eventually = <T>(look: () => Promise<T>): ReturnType<typeof expect.poll<T>> => expect.poll(look, { timeout: 60_000 })

const both = [{ name: 'green', width: 1280 }, { name: 'green', width: 390 }, { name: 'failed', width: 1280 }, { name: 'failed', width: 390 }] as const

test.each(both)('$name, $width px wide: folds, links and the search work; it asks for nothing, complains of nothing, and never scrolls sideways', async ({ name, width }) => {
  const page = await open(name, { width })
  const more = page.locator('details.step .more').first()
  expect(await more.isVisible()).toBe(false)
  await page.locator('details.step summary').first().click()
  expect(await more.isVisible()).toBe(true)
  expect(await more.innerText()).toMatch(/begun 1\.0 s after the run/)
  await page.locator('details.step summary').first().click()
  expect(await more.isVisible()).toBe(false)

  await page.getByRole('searchbox', { name: 'Find lines in all logs' }).fill('needle')
  await eventually(() => page.locator('#found').innerText()).toBe('2 lines in 2 logs')
  await page.locator('#hits button').filter({ hasText: 'the needle is here' }).click()
  expect(await page.locator('details.log', { hasText: 'logs/clone.log' }).locator('pre').isVisible()).toBe(true)
  expect(await page.evaluate('String(getSelection())')).toBe('the needle is here')
  await page.getByRole('searchbox').fill('window.harmed')
  await eventually(() => page.locator('#found').innerText()).toMatch(/^2 lines in 2 logs/)
  expect(await page.locator('#hits').innerText()).toContain('</script><script>window.harmed=1')
  await page.getByRole('searchbox').fill('of the restart')
  await eventually(() => page.locator('#found').innerText()).toBe('800 lines in 1 log, the first 300 are shown')
  await page.getByRole('searchbox').fill('nothing has this')
  await eventually(() => page.locator('#found').innerText()).toBe('No line has it.')

  expect(await overflow(page)).toBe(0)
  await openAll(page)
  expect(await overflow(page)).toBe(0)
  // Neither does anything reach out of the window that cannot be scrolled to.
  expect(await page.evaluate(`[...document.querySelectorAll('main *')].filter((element) => !element.closest('.unseen') && element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('pre, .args')).map((element) => element.outerHTML.slice(0, 120))`)).toEqual([])
  expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([page.url()])
  expect(complaints).toEqual([])
  expect(await page.evaluate('window.harmed')).toBeUndefined()
})

test('the failed run: the call on which they disagree is open, the evidence is one click away, the command can be copied', async () => {
  const page = await open('failed')
  expect(await page.locator('h1').innerText()).toMatch(/Failed in lane install/)
  expect(await page.locator('.disagree').innerText()).toBe('They disagree: the agent says it completed, but the stack logged no such call.')
  expect(await page.locator('.disagree').isVisible()).toBe(true)
  await page.locator('#verdict').getByRole('link', { name: 'read it below' }).first().click()
  await eventually(() => page.locator('pre.text', { hasText: 'thread.started' }).isVisible()).toBe(true)
  const copy = page.getByRole('button', { name: /^Copy ?: See it fail again/ })
  await copy.click()
  await eventually(() => page.locator('.command [role=status]').first().innerText()).toBe('copied')
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe("SMOKE_SOURCE_STACK='/tmp/a b' SMOKE_KEEP=failed npx vitest run install.smoke")
})

test.each([true, false])('the failed run, script %s: findings are shown by kind, and can be copied where a script runs', async (script) => {
  const page = await open('failed', { script, width: 390 })
  const seen = async (): Promise<string[]> => (await page.locator('.promise').filter({ visible: true }).locator('.id').allTextContents())
  expect(await seen()).toEqual(['new-one', 'mended', 'also-mended', 'known-one'])
  expect(await page.getByText('an unknown session is refused').first().isVisible()).toBe(true)
  await page.getByRole('checkbox', { name: '1 known one' }).uncheck()
  expect(await seen()).toEqual(['new-one', 'mended', 'also-mended'])
  await page.getByRole('checkbox', { name: '2 stale ones' }).uncheck()
  expect(await seen()).toEqual(['new-one'])
  await page.getByRole('checkbox', { name: '1 new one' }).uncheck()
  expect(await seen()).toEqual([])
  await page.getByRole('checkbox', { name: '1 known one' }).check()
  expect(await seen()).toEqual(['known-one'])
})

test('the green run: calls are folded; what a lane changed is told by signs and words', async () => {
  const page = await open('green')
  expect(await page.locator('details.call[open]').count()).toBe(0)
  await page.locator('details.call summary').first().click()
  expect(await page.locator('.sides').first().innerText()).toMatch(/completed[^]*"operation": "install"[^]*answered, client codex[^]*the same arguments[^]*the same answer/)
  const change = page.locator('.change', { hasText: 'install' })
  expect(await change.innerText()).toMatch(/−\s*went:\s*old_tool[^]*\+\s*came:\s*everything__echo/)
  expect(await page.locator('.row', { hasText: 'restart' }).innerText()).toMatch(/over half/)
  await page.getByRole('link', { name: 'Processes' }).click()
  expect(await page.locator('.tree .tree').innerText()).toMatch(/^node proxy\/server\.mjs pid 11, 75 MB/)
})

test.each(['green', 'failed'])('%s: the keyboard reaches everything in the order it is read, and shows where it is; headings skip no level, and everything has its name', async (name) => {
  const page = await open(name)
  const expected = await page.evaluate<string[]>(`[...document.querySelectorAll('a[href], summary, button, input, pre[tabindex]')].filter((element) => element.checkVisibility()).map((element) => element.textContent.slice(0, 60))`)
  const reached: string[] = []
  const unseen: string[] = []
  while (reached.length < expected.length) {
    await page.keyboard.press('Tab')
    const [text, outline] = await page.evaluate<[string, string]>(`[document.activeElement.textContent.slice(0, 60), getComputedStyle(document.activeElement).outlineStyle]`)
    reached.push(text)
    if (outline === 'none') unseen.push(text)
  }
  expect(reached).toEqual(expected)
  expect(reached[0]).toBe('Skip to the verdict')
  expect(unseen).toEqual([])
  await page.locator('details.step summary').first().focus()
  await page.keyboard.press('Enter')
  expect(await page.locator('details.step').first().getAttribute('open')).not.toBeNull()

  const levels = await page.evaluate<number[]>(`[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(({ tagName }) => Number(tagName[1]))`)
  expect(levels.filter((level) => level === 1)).toHaveLength(1)
  expect(levels[0]).toBe(1)
  levels.slice(1).forEach((level, index) => { expect(level, `heading ${index + 2}`).toBeLessThanOrEqual((levels[index] ?? 0) + 1) })
  expect(await page.evaluate(`[...document.querySelectorAll('svg')].filter((svg) => !svg.getAttribute('aria-label') && !svg.closest('[aria-hidden]')).length`)).toBe(0)
  expect(await page.evaluate(`new Set([...document.querySelectorAll('[id]')].map(({ id }) => id)).size === document.querySelectorAll('[id]').length`)).toBe(true)
  expect(await page.evaluate(`[...document.querySelectorAll('a[href^="#"]')].filter((link) => !document.getElementById(link.hash.slice(1))).map(({ hash }) => hash)`)).toEqual([])
})

/** Every text with less contrast to what it stands on than WCAG 2.2 AA asks for, as the browser shows it. */
const faint = `(() => {
  const parse = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return { r, g, b, a } }
  const luminance = ({ r, g, b }) => { const part = (value) => { value /= 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4 }; return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b) }
  const under = (element) => { for (let at = element; at; at = at.parentElement) { const colour = parse(getComputedStyle(at).backgroundColor); if (colour.a > 0) return colour } return { r: 255, g: 255, b: 255 } }
  const found = []
  let seen = 0
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || !element.checkVisibility() || ['SCRIPT', 'STYLE'].includes(element.tagName)) continue
    seen += 1
    const style = getComputedStyle(element)
    const [bright, dark] = [luminance(parse(element.closest('svg') ? style.fill : style.color)), luminance(under(element))].sort((a, b) => b - a)
    const contrast = (bright + 0.05) / (dark + 0.05)
    if (contrast < 4.5) found.push(contrast.toFixed(2) + ' ' + element.outerHTML.slice(0, 100))
  }
  return [seen, found]
})()`

test.each((['light', 'dark'] as const).flatMap((theme) => ['green', 'failed'].map((name) => ({ theme, name }))))('$name, $theme: every text can be read', async ({ theme, name }) => {
  const page = await open(name, { theme })
  await openAll(page)
  await page.getByRole('searchbox').fill('needle')
  await eventually(() => page.locator('mark').count()).toBe(2)
  const [seen, found] = await page.evaluate<[number, string[]]>(faint)
  expect(found).toEqual([])
  expect(seen).toBeGreaterThan(100)
  // The theme is really on.
  const dark = await page.evaluate<boolean>(`parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]) < 128`)
  expect(dark).toBe(theme === 'dark')
})

test.each([{ name: 'green', width: 390 }, { name: 'failed', width: 1280 }])('$name, $width px wide: without a script everything can be read, and nothing is there that would not work', async ({ name, width }) => {
  const page = await open(name, { width, script: false })
  expect(await page.getByRole('searchbox').count()).toBe(0)
  expect(await page.getByRole('button', { name: 'Copy' }).count()).toBe(0)
  await page.locator('details.log summary').first().click()
  expect(await page.locator('details.log pre').first().isVisible()).toBe(true)
  await page.locator('details.call:not([open]) summary, details.step summary').first().click()
  expect(complaints).toEqual([])
})

test('an address that ends in half a code of a character is none of the page, which works all the same', async () => {
  const page = await open('green')
  await page.goto(`${page.url()}#100%`)
  await page.reload()
  expect(await page.getByRole('searchbox').isVisible()).toBe(true)
  expect(complaints).toEqual([])
})
