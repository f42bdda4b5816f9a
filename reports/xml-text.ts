import { stripVTControlCharacters } from 'node:util'

/**
 * Text that may stand in an XML 1.0 document: no terminal codes, no lone surrogates, and every character that XML
 * forbids even when escaped is written as `\xNN`. Source: XML 1.0, production 2 (Char).
 */
export function xmlText(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD')
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, (character) =>
      `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`)
}
