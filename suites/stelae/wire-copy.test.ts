import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { placesIn } from './places.ts'
import { copyWire } from './wire-copy.ts'

test("what the bridge wrote is outside the logs, and among them without its secrets", () => {
  const root = mkdtempSync(join(tmpdir(), 'wire-'))
  try {
    const logs = join(root, 'logs')
    mkdirSync(logs)
    const places = placesIn({ root, logs })
    copyWire(places)
    expect(existsSync(places.wireCopy)).toBe(false)
    expect(places.wire.startsWith(logs)).toBe(false)
    writeFileSync(places.wire, `{"answer":"ghp_${'a1'.repeat(18)}"}\n{"b":1}\n`)
    copyWire(places)
    expect(readFileSync(join(logs, 'bridge-wire.ndjson'), 'utf8')).toBe('{"answer":"[redacted github]"}\n{"b":1}\n')
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
