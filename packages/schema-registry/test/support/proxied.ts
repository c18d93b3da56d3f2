import {
  type ConfluentRegistryOptions,
  confluentRegistry,
  type SchemaRegistryClient,
} from '@busbar/schema-registry'
import { type HttpProxy, httpProxy, type TestServer } from '@busbar/testkit'

export interface Proxied {
  readonly proxy: HttpProxy
  /** A client through the proxy. */
  client(options?: Partial<ConfluentRegistryOptions>): SchemaRegistryClient
  /** One that goes past it. */
  readonly direct: SchemaRegistryClient
}

/** Runs `work` with a proxy before the registry. */
export async function proxied(
  registry: TestServer,
  work: (proxied: Proxied) => Promise<void>,
): Promise<void> {
  const proxy = await httpProxy({ target: registry.url })
  try {
    await work({
      proxy,
      client: (options = {}) => confluentRegistry({ url: proxy.url, ...options }),
      direct: confluentRegistry({ url: registry.url }),
    })
  } finally {
    await proxy.stop()
  }
}
