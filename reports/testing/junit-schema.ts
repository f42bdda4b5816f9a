import { readFileSync } from 'node:fs'
import { memoryPages, validateXML } from 'xmllint-wasm'

const schema = readFileSync(new URL('junit-10.xsd', import.meta.url), 'utf8')

/** What xmllint has against documents by the schema of Jenkins' xunit plugin, a sentence each. For tests. */
export async function schemaViolations(documents: readonly { readonly name: string; readonly xml: string }[]): Promise<string[]> {
  if (documents.length === 0) return []
  const { errors } = await validateXML({
    xml: documents.map(({ name, xml }, index) => ({ fileName: `${index}-${name.replaceAll(/[^\w]+/g, '-')}.xml`, contents: xml })),
    schema, maxMemoryPages: 256 * memoryPages.MiB,
  })
  return errors.map(({ rawMessage }) => rawMessage)
}
