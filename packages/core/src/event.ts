import {
  type AnySchema,
  type Codec,
  codecOf,
  type Schema,
  type SchemaInput,
  type SchemaOutput,
} from './codec.js'
import { BusbarError } from './error.js'
import { type ContractTopic, type TopicOptions, topicOf } from './topic.js'

/** What a user declares of an event besides its schema. */
export interface EventOptions<In> {
  /** The topic, by name or with settings. Default: the event's own name. Events may share a topic. */
  readonly topic?: string | TopicOptions
  /** The partition key of a payload: events of one key are handled in publish order. Default: no key, no order. */
  readonly key?: (payload: In) => string | Uint8Array
  /**
   * Whether records of the topic that carry no CloudEvents headers (another producer's) are this event.
   * Default: false, such records are ignored.
   */
  readonly foreign?: boolean
}

/** An event: one value that is its type, topic, schema and partition key. Made by {@link defineEvent}. */
export interface EventDefinition<Out, In = Out> {
  readonly kind: 'event'
  readonly name: string
  readonly topic: ContractTopic
  readonly codec: Codec<In, Out>
  readonly key: ((payload: In) => string | Uint8Array) | undefined
  readonly foreign: boolean
}

/** Some event, whatever its payload. */
export type AnyEvent = EventDefinition<unknown, never>

/** What a handler of an event gets. */
export type EventPayload<E extends AnyEvent> = E extends EventDefinition<infer Out, never> ? Out : never

/** What a publisher of an event gives; differs from {@link EventPayload} where the schema has defaults or conversions. */
export type EventInput<E extends AnyEvent> = E extends EventDefinition<unknown, infer In> ? In : never

/**
 * Declares an event.
 *
 * @param name the event's type on the wire (`ce_type`) and, unless given, its topic.
 * @throws BusbarError `CONFIG_INVALID` for an empty name, `TOPIC_INVALID` for a topic that Kafka would refuse.
 */
export function defineEvent<S extends AnySchema>(
  name: string,
  options: EventOptions<SchemaInput<S>> & { readonly schema: S },
): EventDefinition<SchemaOutput<S>, SchemaInput<S>>
/** Declares an event without a schema: JSON, typed by the type argument, not validated. */
export function defineEvent<Payload = unknown>(
  name: string,
  options?: EventOptions<Payload>,
): EventDefinition<Payload>
export function defineEvent<Out, In>(
  name: string,
  options: EventOptions<In> & { readonly schema?: Schema<In, Out> } = {},
): EventDefinition<Out, In> {
  requireName('defineEvent', name)
  return Object.freeze({
    kind: 'event',
    name,
    topic: topicOf(name, options.topic),
    codec: codecOf(options.schema),
    key: options.key,
    foreign: options.foreign ?? false,
  })
}

/** Refuses a name that is not a non-empty text of printable characters. */
export function requireName(doing: string, name: unknown): void {
  if (typeof name !== 'string' || !/^[^\s\p{C}]+$/u.test(name)) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `${doing}: the name must be a non-empty text without spaces, got ${JSON.stringify(name)}`,
    )
  }
}
