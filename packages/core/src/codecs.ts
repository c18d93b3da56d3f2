import type { Codec, RegisteredCodec } from './codec.js'
import { errorPlaceOf, replyPlaceOf } from './contract-schemas.js'
import type { DeclaredErrorClass } from './declared-error.js'
import type { AnyEvent } from './event.js'
import type { AnyRequest } from './request.js'
import type { SchemaRegistry } from './schema-registry.js'

type AnyCodec = Codec<never, unknown>

/** The codecs that a bus uses: those of its contracts, or where it has a registry, what they are with that registry. */
export class Codecs {
  readonly #registry: SchemaRegistry | undefined
  readonly #registered = new Map<AnyCodec, Map<string, RegisteredCodec<never, unknown>>>()

  constructor(registry: SchemaRegistry | undefined) {
    this.#registry = registry
  }

  /** For the payloads of an event or a request. */
  payload(contract: { readonly codec: AnyCodec; readonly topic: { readonly name: string } }): AnyCodec {
    return this.#of(contract.codec, contract.topic.name)
  }

  /** For the replies to a request. */
  reply(request: AnyRequest): AnyCodec {
    return this.#of(request.replyCodec, replyPlaceOf(request))
  }

  /** For an error that a request declares. */
  declaredError(request: AnyRequest, error: DeclaredErrorClass): AnyCodec {
    return this.#of(error.codec, errorPlaceOf(request, error))
  }

  /** Fetches what publishing to a contract needs. For a request that is: asking it, and reading its answers. */
  async prepareToPublish(contract: AnyEvent | AnyRequest): Promise<void> {
    await prepare(this.payload(contract), 'write')
    if (contract.kind === 'request') await this.#prepareAnswers(contract, 'read')
  }

  /** Fetches what handling a contract needs. For a request that is: reading it, and answering it. */
  async prepareToHandle(contract: AnyEvent | AnyRequest): Promise<void> {
    await prepare(this.payload(contract), 'read')
    if (contract.kind === 'request') await this.#prepareAnswers(contract, 'write')
  }

  async #prepareAnswers(request: AnyRequest, use: 'write' | 'read'): Promise<void> {
    await prepare(this.reply(request), use)
    for (const error of request.errors.values()) await prepare(this.declaredError(request, error), use)
  }

  #of(codec: AnyCodec, topic: string): AnyCodec {
    const registry = this.#registry
    if (registry === undefined || codec.registered === undefined) return codec
    const byTopic = this.#registered.get(codec) ?? new Map<string, RegisteredCodec<never, unknown>>()
    const known = byTopic.get(topic)
    if (known) return known
    const subject = registry.subjectOf({ topic, recordName: codec.schema?.recordName })
    const registered = codec.registered(registry, subject)
    this.#registered.set(codec, byTopic.set(topic, registered))
    return registered
  }
}

async function prepare(codec: AnyCodec, use: 'write' | 'read'): Promise<void> {
  await (codec as Partial<RegisteredCodec<never, unknown>>).prepare?.(use)
}
