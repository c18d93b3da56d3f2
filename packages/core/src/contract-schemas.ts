import type { Codec } from './codec.js'
import type { DeclaredErrorClass } from './declared-error.js'
import type { AnyEvent } from './event.js'
import type { AnyRequest } from './request.js'
import type { SchemaDocument, SchemaPlace } from './schema-registry.js'

/** One schema of a contract, and where it is used. */
export interface ContractSchema {
  /** What it describes: the payload of an event or a request, a reply, or the data of a declared error. */
  readonly role: 'payload' | 'reply' | 'error'
  /** The name of the declared error, where it is one. */
  readonly errorName: string | undefined
  /** What a bus with a registry has its subject chosen by. */
  readonly place: SchemaPlace
  /** Undefined where the contract has no schema, or none that can be told as data. */
  readonly schema: SchemaDocument | undefined
  /** Whether a bus that has a registry keeps it there. */
  readonly isRegistered: boolean
  /** The `content-type` of its records. */
  readonly contentType: string
}

/** Every schema of an event or a request, in the order payload, reply, declared errors: for documentation and registries. */
export function schemasOf(contract: AnyEvent | AnyRequest): readonly ContractSchema[] {
  const payload = schemaAt('payload', contract.codec, contract.topic.name)
  if (contract.kind === 'event') return [payload]
  return [
    payload,
    schemaAt('reply', contract.replyCodec, replyPlaceOf(contract)),
    ...[...contract.errors.values()].map(error =>
      schemaAt('error', error.codec, errorPlaceOf(contract, error), error.errorName),
    ),
  ]
}

/** Replies share one topic: the subjects of their schemas are named after the request's. */
export function replyPlaceOf(request: AnyRequest): string {
  return `${request.topic.name}.reply`
}

/** See {@link replyPlaceOf}. */
export function errorPlaceOf(request: AnyRequest, error: DeclaredErrorClass): string {
  return `${request.topic.name}.${error.errorName}`
}

function schemaAt(
  role: ContractSchema['role'],
  codec: Codec<never, unknown>,
  topic: string,
  errorName?: string,
): ContractSchema {
  return {
    role,
    errorName,
    place: { topic, recordName: codec.schema?.recordName },
    schema: codec.schema,
    isRegistered: codec.registered !== undefined,
    contentType: codec.contentType,
  }
}
