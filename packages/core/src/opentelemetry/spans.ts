import { isUtf8 } from 'node:buffer'
import {
  type Attributes,
  type Context,
  isSpanContextValid,
  context as otel,
  type Span,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api'
import type { Next } from '../compose.js'
import { correlationHeader } from '../correlation.js'
import { DeclaredError } from '../declared-error.js'
import { BusbarError, reasonOf } from '../error.js'
import { replyHeader } from '../reply-headers.js'
import { attribute } from './attributes.js'

/** What makes the spans of one bus. */
export interface Tracing {
  readonly tracer: Tracer
  /** Whether record keys may be attributes. */
  readonly recordKeys: boolean
  /** The bus's transport and name. */
  system: string
  clientId: string
}

/** What an operation does: its own name, and the type that the conventions know it by. */
export interface Operation {
  readonly name: string
  readonly type?: 'create' | 'send' | 'process'
  readonly topic: string
  readonly event?: string
}

export function operationAttributes({ system, clientId }: Tracing, operation: Operation): Attributes {
  return {
    [attribute.system]: system,
    [attribute.clientId]: clientId,
    [attribute.operationName]: operation.name,
    ...(operation.type && { [attribute.operationType]: operation.type }),
    [attribute.destination]: operation.topic,
    ...(operation.event !== undefined && { [attribute.event]: operation.event }),
  }
}

/** Whether a span takes part in a trace: without an SDK none does. */
export function isTraced(span: Span): boolean {
  return isSpanContextValid(span.spanContext())
}

/** Runs what is inside with the span active, ends it, and records a failure. */
export async function within(span: Span, active: Context, next: Next): Promise<void> {
  try {
    await otel.with(active, next)
  } catch (thrown) {
    recordFailure(span, thrown)
    throw thrown
  } finally {
    span.end()
  }
}

export function recordFailure(span: Span, thrown: unknown): void {
  if (!span.isRecording()) return
  const message = reasonOf(thrown)
  span.recordException(thrown instanceof Error ? thrown : message)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.setAttribute(attribute.errorType, errorTypeOf(thrown))
}

/** Of few values: a declared error's name, a code of the closed set, or the name of an error's class. */
function errorTypeOf(thrown: unknown): string {
  if (thrown instanceof DeclaredError) return thrown.name
  if (thrown instanceof BusbarError) return thrown.code
  return thrown instanceof Error ? thrown.name : '_OTHER'
}

/** What a request and its reply have in common, or the events that one first cause led to. */
export function conversationOf(read: (header: string) => string | Uint8Array | undefined): Attributes {
  const id = textOf(read(replyHeader.correlationId)) ?? textOf(read(correlationHeader))
  return id === undefined ? {} : { [attribute.conversation]: id }
}

/** Spring's correlation ids are bytes that are no text. */
function textOf(value: string | Uint8Array | undefined): string | undefined {
  if (!(value instanceof Uint8Array)) return value
  return isUtf8(value) ? Buffer.from(value).toString() : undefined
}
