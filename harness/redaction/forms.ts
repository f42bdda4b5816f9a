/** How often a text may be quoted as JSON inside JSON: a tool's answer in an event in a log. */
const nestings = 3
/** Where `base64` and PEM break their lines. Characters. */
const lineLengths = [76, 64]
/** Only what is at least this long counts as a line of a secret of several lines. Characters. */
const shortestLine = 16

/**
 * The ways in which programs write a value: as it is, in JSON, in a URL, in base64 and base64url wherever it begins in
 * them. Of base64, characters that its neighbours share are left out.
 */
export function formsOf(value: string): string[] {
  const lines = value.includes('\n') ? value.split(/\r?\n/).filter((line) => line.trim().length >= shortestLine) : []
  const plain = [value, ...lines]
  const whole = Buffer.from(value).toString('base64')
  const wrapped = lineLengths.flatMap((length) => whole.length > length ? [whole.replaceAll(new RegExp(`.{${length}}`, 'g'), '$&\n')] : [])
  return [...new Set([...plain.flatMap((text) => [...jsonForms(text), ...urlForms(text), ...base64Forms(text)]), ...wrapped.flatMap(jsonForms)])]
}

/** As it is, and as JavaScript, Python (ASCII only), Go (no <, > and &) and PHP (no /) quote it, one in another. */
function jsonForms(text: string): string[] {
  let forms = [text]
  const all = new Set(forms)
  for (let depth = 0; depth < nestings; depth += 1) {
    forms = forms.flatMap((form) => {
      const quoted = JSON.stringify(form).slice(1, -1)
      return [quoted, quoted.replaceAll(/[\u007F-\uFFFF]/g, codeUnit), quoted.replaceAll(/[<>&]/g, codeUnit), quoted.replaceAll('/', String.raw`\/`)]
    }).filter((form) => !all.has(form))
    for (const form of forms) all.add(form)
  }
  return [...all]
}

const codeUnit = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

function urlForms(text: string): string[] {
  // A lone surrogate, which no URL can hold, becomes U+FFFD.
  const sound = Buffer.from(text).toString()
  const component = encodeURIComponent(sound)
  const strict = component.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  const forms = [component, strict, strict.replaceAll('%20', '+'), encodeURI(sound)]
  return [...forms, ...forms.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))]
}

function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text)
  return (['base64', 'base64url'] as const).flatMap((encoding) => [
    bytes.toString(encoding),
    ...[0, 1, 2].map((before) => Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding)
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))),
  ])
}
