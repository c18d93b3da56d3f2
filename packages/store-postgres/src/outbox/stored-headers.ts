import type { OutboundHeaders } from '@busbar/core'

type StoredValue = string | { readonly base64: string }

/** Headers as JSON: text as it is, so that an outbox can be read by people, bytes in base64. */
export function headersToJson(headers: OutboundHeaders): string {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map(storedValue) : storedValue(value as string | Uint8Array),
  ])
  return JSON.stringify(Object.fromEntries(entries))
}

export function headersFromJson(json: string): OutboundHeaders {
  const stored = JSON.parse(json) as Record<string, StoredValue | StoredValue[]>
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(headerValue) : headerValue(value),
    ]),
  )
}

function storedValue(value: string | Uint8Array): StoredValue {
  return typeof value === 'string' ? value : { base64: Buffer.from(value).toString('base64') }
}

function headerValue(value: StoredValue): string | Uint8Array {
  return typeof value === 'string' ? value : Buffer.from(value.base64, 'base64')
}
