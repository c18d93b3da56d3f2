import {
  type AnySchema,
  type Codec,
  codecOf,
  type Schema,
  type SchemaInput,
  type SchemaOutput,
} from './codec.js'
import type { DeclaredErrorClass } from './declared-error.js'
import { BusbarError } from './error.js'
import { requireName } from './event.js'
import { type ContractTopic, type TopicOptions, topicOf } from './topic.js'

/** What a user declares of a request besides its schemas. */
export interface RequestOptions<In> {
  /** The topic, by name or with settings. Default: the request's own name. */
  readonly topic?: string | TopicOptions
  /** The partition key of a request: requests of one key are answered one at a time, in order. Default: no key. */
  readonly key?: (payload: In) => string | Uint8Array
  /** The errors that a responder may answer with; they arrive as instances of these classes. */
  readonly errors?: Readonly<Record<string, DeclaredErrorClass>>
}

/** A request and its reply: types, topic, schemas and declared errors in one value. Made by {@link defineRequest}. */
export interface RequestDefinition<In, Out, ReplyIn, ReplyOut> {
  readonly kind: 'request'
  readonly name: string
  readonly topic: ContractTopic
  readonly codec: Codec<In, Out>
  readonly replyCodec: Codec<ReplyIn, ReplyOut>
  readonly key: ((payload: In) => string | Uint8Array) | undefined
  /** By their names on the wire. */
  readonly errors: ReadonlyMap<string, DeclaredErrorClass>
}

/** Some request, whatever its payload and reply. */
export type AnyRequest = RequestDefinition<never, unknown, never, unknown>

/**
 * Declares a request and its reply.
 *
 * @param name the request's type on the wire (`ce_type`) and, unless given, its topic.
 * @throws BusbarError `CONFIG_INVALID` for an empty name or two errors of one name, `TOPIC_INVALID` for a bad topic.
 */
export function defineRequest<Q extends AnySchema, R extends AnySchema>(
  name: string,
  options: RequestOptions<SchemaInput<Q>> & { readonly request: Q; readonly reply: R },
): RequestDefinition<SchemaInput<Q>, SchemaOutput<Q>, SchemaInput<R>, SchemaOutput<R>>
/** Declares a request without schemas: JSON, typed by the type arguments, not validated. */
export function defineRequest<Request = unknown, Reply = unknown>(
  name: string,
  options?: RequestOptions<Request>,
): RequestDefinition<Request, Request, Reply, Reply>
export function defineRequest<In, Out, ReplyIn, ReplyOut>(
  name: string,
  options: RequestOptions<In> & {
    readonly request?: Schema<In, Out>
    readonly reply?: Schema<ReplyIn, ReplyOut>
  } = {},
): RequestDefinition<In, Out, ReplyIn, ReplyOut> {
  requireName('defineRequest', name)
  const errors = new Map<string, DeclaredErrorClass>()
  for (const error of Object.values(options.errors ?? {})) {
    if (errors.has(error.errorName)) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `request ${name} declares two errors named ${error.errorName}: rename one`,
      )
    }
    errors.set(error.errorName, error)
  }
  return Object.freeze({
    kind: 'request',
    name,
    topic: topicOf(name, options.topic),
    codec: codecOf(options.request),
    replyCodec: codecOf(options.reply),
    key: options.key,
    errors,
  })
}
