/**
 * What to say beside a refusal where a subject holds another record: a topic with several events then needs a subject for
 * each. Empty where the names are the same, or there are none.
 */
export function sharedSubjectHint(text: string, latest: string | undefined): string {
  const [own, other] = [recordIn(text), latest === undefined ? undefined : recordIn(latest)]
  if (own === undefined || other === undefined || own === other) return ''
  return ` (it holds record ${other}, and this is ${own}: if the topic has several events, name subjects by record, option subjects: 'topic-record')`
}

function recordIn(text: string): string | undefined {
  try {
    const { name, namespace } = JSON.parse(text) as { readonly name?: unknown; readonly namespace?: unknown }
    if (typeof name !== 'string') return undefined
    return typeof namespace === 'string' && namespace !== '' && !name.includes('.')
      ? `${namespace}.${name}`
      : name
  } catch {
    return undefined
  }
}
