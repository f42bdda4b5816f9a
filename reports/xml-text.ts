/**
 * CSI, then OSC, then the other escape sequences of ECMA-48. Node's stripVTControlCharacters also swallows the words
 * between a colour and a bell.
 */
const terminalCodes = /\u001B\[[0-?]*[ -/]*[@-~]|\u001B\][^\u0007\u001B\n]*(?:\u0007|\u001B\\)|\u001B[ -/]*[0-Z\\^-~]/g

/** Text without colours, cursor movements and titles; a control character that stands alone stays. */
export const withoutTerminalCodes = (text: string): string => text.replaceAll(terminalCodes, '')

/**
 * Text that may stand in an XML 1.0 document: no terminal codes, no lone surrogates, and every character that XML
 * forbids even when escaped is written as `\xNN`. Source: XML 1.0, production 2 (Char).
 */
export function xmlText(text: string): string {
  return withoutTerminalCodes(text)
    .replaceAll(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD')
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, (character) =>
      `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`)
}
