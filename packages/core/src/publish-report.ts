import { BusbarError } from './error.js'

/** What became of the publish of one event, request or reply. */
export interface PublishReport {
  readonly kind: 'event' | 'request' | 'reply'
  readonly event: string
  /** From the call to the broker's answer, with the wait for the connection and the topic, in milliseconds. */
  readonly durationMs: number
  /** Why it was not stored, or is not known to have been; absent where it was stored. */
  readonly error?: unknown
}

/** One of the records that a publish is about. */
export type Published = Pick<PublishReport, 'kind' | 'event'>

/** A report for each record of a publish: of a batch that was stored in part, each has its own outcome. */
export function publishReports(
  records: readonly Published[],
  durationMs: number,
  failure: { readonly error: unknown } | undefined,
): readonly PublishReport[] {
  if (!failure) return records.map(({ kind, event }) => ({ kind, event, durationMs }))
  const { error } = failure
  const failures =
    error instanceof BusbarError && error.code === 'PUBLISH_PARTIAL' ? error.failures : undefined
  const errors = new Map(failures?.map(each => [each.index, each.error]))
  return records.map(({ kind, event }, index) => {
    if (!failures) return { kind, event, durationMs, error }
    const own = errors.get(index)
    return own ? { kind, event, durationMs, error: own } : { kind, event, durationMs }
  })
}
