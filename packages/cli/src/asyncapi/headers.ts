import type { Json } from '../contracts/contract.js'
import { reference } from './keys.js'

const text = (description: string): Json => ({ type: 'string', description })

/** CloudEvents 1.0, Kafka protocol binding, binary mode: what a bus writes beside every payload. */
const cloudEvents: Json = {
  type: 'object',
  description: 'CloudEvents 1.0, Kafka protocol binding, binary mode.',
  required: ['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_time', 'content-type'],
  properties: {
    ce_specversion: { const: '1.0' },
    ce_id: text('Unique for each message (UUID version 7); the same when it is delivered again.'),
    ce_type: text('The name of the event or request.'),
    ce_source: text('The name of the bus that published it.'),
    ce_time: { type: 'string', format: 'date-time', description: 'When it was published.' },
    ce_dataschema: text('The schema that the value was written with, where the value does not name it.'),
    'content-type': text('The format of the value.'),
  },
}

const correlationId = text(
  'Tells the replies to different requests apart: a reply repeats that of its request.',
)

const request: Json = {
  allOf: [
    reference('components', 'schemas', 'CloudEventsHeaders'),
    {
      type: 'object',
      required: ['kafka_correlationId', 'kafka_replyTopic'],
      properties: {
        kafka_correlationId: correlationId,
        kafka_replyTopic: text('The topic in which the requester waits for the reply.'),
        kafka_replyPartition: text('The partition of that topic; decimal.'),
        'busbar-deadline': text(
          'When the requester stops waiting: milliseconds since the epoch, decimal. A request that is older is skipped.',
        ),
      },
    },
  ],
}

const reply: Json = {
  allOf: [
    reference('components', 'schemas', 'CloudEventsHeaders'),
    {
      type: 'object',
      required: ['kafka_correlationId'],
      properties: {
        kafka_correlationId: correlationId,
        'kafka_nest-is-disposed': text('Marks the last reply, for NestJS.'),
      },
    },
  ],
}

const correlation = { correlationId: { location: '$message.header#/kafka_correlationId' } }

/** What the message of one declared error has instead of a trait, whose headers it would have to be merged with. */
export function errorHeaders(errorName: string): Json {
  const headers = {
    allOf: [
      reference('components', 'schemas', 'ReplyHeaders'),
      {
        type: 'object',
        required: ['busbar-error-code', 'busbar-error-name', 'busbar-error-message'],
        properties: {
          'busbar-error-code': { const: 'DECLARED' },
          'busbar-error-name': { const: errorName },
          'busbar-error-message': text('For people.'),
          'kafka_nest-err': text('The message once more, as JSON, for NestJS.'),
        },
      },
    ],
  }
  return { headers, ...correlation }
}

/** Those that a document needs, for its components. */
export function headerComponents(hasRequests: boolean): { readonly schemas: Json; readonly traits: Json } {
  const of = (name: string) => reference('components', 'schemas', name)
  return {
    schemas: {
      CloudEventsHeaders: cloudEvents,
      ...(hasRequests ? { RequestHeaders: request, ReplyHeaders: reply } : {}),
    },
    traits: {
      event: { headers: of('CloudEventsHeaders') },
      ...(hasRequests
        ? {
            request: { headers: of('RequestHeaders'), ...correlation },
            reply: { headers: of('ReplyHeaders'), ...correlation },
          }
        : {}),
    },
  }
}

/** Names of components that payloads must not take. */
export const headerSchemaNames: readonly string[] = ['CloudEventsHeaders', 'RequestHeaders', 'ReplyHeaders']
