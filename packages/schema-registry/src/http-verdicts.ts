import { BusbarError } from '@busbar/core'
import type { HttpAnswer, HttpQuestion } from './http-caller.js'
import { nobodyAnswers } from './outage.js'

/** The registry's own words are kept short: they may quote a whole schema. */
const MAX_REASON = 500

/** Codes of what is not there: subject, version, schema, and a subject's own compatibility level. */
const missing: readonly (number | undefined)[] = [40401, 40402, 40403, 40408]

/** Who was asked what: for messages. */
export interface HttpPlace {
  readonly name: string
  readonly question: HttpQuestion
}

/** What an answer says: its JSON, or undefined for what is not there. @throws BusbarError for all others. */
export function readAnswer(place: HttpPlace, answer: HttpAnswer): unknown {
  const { status } = answer
  const body = parse(answer.text)
  if (status >= 200 && status < 300) {
    if (body !== undefined) return body
    throw unavailable(
      place,
      `answered with ${kindOf(answer)} instead of JSON: check its URL, and what stands between`,
    )
  }
  if (status >= 300 && status < 400) {
    const to = withoutSecrets(answer.headers.location)
    throw unavailable(place, `redirects${to}, which is not followed: give the URL where it answers itself`)
  }
  const code = errorCode(body)
  if (status === 404 && missing.includes(code)) return undefined
  const reason = reasonIn(body)
  switch (status) {
    case 401:
      throw denied(place, `refused the credentials (401)${reason}: check option "auth"`)
    case 403:
      throw denied(place, `does not allow this to these credentials (403)${reason}`)
    case 404:
      throw unavailable(place, `has nothing there (404)${reason}: check the path in its URL`)
    case 409:
      throw new BusbarError(
        'SCHEMA_INCOMPATIBLE',
        `${asked(place)}: the schema may not follow the versions before it${reason}`,
      )
    case 422:
      throw new BusbarError(
        'SCHEMA_INVALID',
        `${asked(place)}: it is not accepted (${code ?? status})${reason}`,
      )
    case 502:
    case 503:
    case 504:
      throw nobodyAnswers(unavailable(place, `is not there for now (${status})${reason}`))
    default:
      throw unavailable(place, `answered with status ${status}${reason}`)
  }
}

export function unavailable(place: HttpPlace, why: string, cause?: unknown): BusbarError {
  const options = cause === undefined ? {} : { cause }
  return new BusbarError('REGISTRY_UNAVAILABLE', `${asked(place)}: it ${why}`, options)
}

function denied(place: HttpPlace, why: string): BusbarError {
  return new BusbarError('REGISTRY_DENIED', `${asked(place)}: it ${why}`)
}

function asked({ name, question }: HttpPlace): string {
  return `schema registry ${name}, ${question.method} ${question.path}`
}

/** Empty, or the registry's own words after a colon. */
function reasonIn(body: unknown): string {
  const message = (body as { readonly message?: unknown } | null | undefined)?.message
  if (typeof message !== 'string' || message === '') return ''
  return `: ${message.length > MAX_REASON ? `${message.slice(0, MAX_REASON)}…` : message}`
}

function errorCode(body: unknown): number | undefined {
  const code = (body as { readonly error_code?: unknown } | null | undefined)?.error_code
  return typeof code === 'number' ? code : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function kindOf({ headers, text }: HttpAnswer): string {
  if (text === '') return 'nothing'
  return headers['content-type']?.includes('json') ? 'broken JSON' : (headers['content-type'] ?? 'something')
}

/** Where a redirect leads; a query may hold a token. */
function withoutSecrets(location: string | undefined): string {
  if (location === undefined || !URL.canParse(location)) return ''
  const { origin, pathname } = new URL(location)
  return ` to ${origin}${pathname}`
}
