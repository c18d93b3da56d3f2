import type { SecureContextOptions } from 'node:tls'
import { BusbarError, reasonOf } from '@busbar/core'
import { CachedRegistry } from './cached-registry.js'
import { HttpProtocol } from './http-protocol.js'
import type { SchemaRegistryClient } from './registry-client.js'
import { invalidOption, numberOption, type RegistryOptions, resolveOptions } from './registry-options.js'

/** A user and password (Basic), or a bearer token; a function is asked for it before every call, and should remember. */
export type RegistryAuth =
  | { readonly username: string; readonly password: string }
  | { readonly token: string | (() => string | Promise<string>) }

/** Node's TLS options: `ca` for an authority of your own, `cert` and `key` for a client certificate. */
export interface RegistryTls
  extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'minVersion'> {
  /** The host name that the server's certificate is checked for. Default: that of the URL. */
  readonly servername?: string
  /** Default: true. False believes any server, and gives it the credentials. */
  readonly rejectUnauthorized?: boolean
}

export interface ConfluentRegistryOptions extends RegistryOptions {
  /** Where it answers, `http:` or `https:`, with a path where there is one. Credentials do not belong here. */
  readonly url: string
  /** Default: none. */
  readonly auth?: RegistryAuth
  readonly tls?: RegistryTls
  /** Further headers of every call, for example `target-sr-cluster`. Default: none. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long a call may take in all, with further attempts, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number
  /** Answers that are longer are refused. Default: 10 MiB. */
  readonly maxResponseBytes?: number
}

const WHERE = 'confluentRegistry'
/** Node fires a timer that is longer at once. */
const LONGEST_TIMER = 2 ** 31 - 1
const accept = 'application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json'

/**
 * A schema registry that speaks Confluent's protocol: Confluent's own, Apicurio (`/apis/ccompat/v7`), Karapace, Redpanda's
 * and others. Nothing is asked before it is needed; then each thing once. May be shared by many buses; there is nothing to close.
 *
 * @throws BusbarError `CONFIG_INVALID` that names the option that is wrong.
 */
export function confluentRegistry(options: ConfluentRegistryOptions): SchemaRegistryClient {
  if (typeof options !== 'object' || options === null) throw invalidOption(WHERE, 'url', 'must be given')
  const resolved = resolveOptions(WHERE, options)
  const url = urlOf(options.url)
  const protocol = new HttpProtocol(url.href.replace(/\/$/, ''), {
    url,
    tls: { ...options.tls },
    timeoutMs: numberOption(WHERE, 'timeoutMs', options.timeoutMs ?? 5_000, 1, LONGEST_TIMER),
    maxResponseBytes: numberOption(WHERE, 'maxResponseBytes', options.maxResponseBytes ?? 10 * 2 ** 20, 1),
    headers: headersOf(options),
  })
  return new CachedRegistry(protocol, resolved)
}

function urlOf(text: string): URL {
  // The text is not repeated in messages: credentials may be in it.
  if (typeof text !== 'string' || !URL.canParse(text)) throw invalidOption(WHERE, 'url', 'must be a URL')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalidOption(WHERE, 'url', 'must start with http: or https:')
  }
  if (url.username !== '' || url.password !== '') {
    throw invalidOption(WHERE, 'url', 'must not hold credentials: give them as "auth"')
  }
  if (url.search !== '' || url.hash !== '') throw invalidOption(WHERE, 'url', 'must end with its path')
  return url
}

function headersOf({ auth, headers = {} }: ConfluentRegistryOptions) {
  const always = {
    accept,
    'content-type': 'application/vnd.schemaregistry.v1+json',
    'user-agent': 'busbar',
    ...headers,
  }
  if (auth === undefined) return () => always
  if (typeof auth !== 'object' || auth === null) {
    throw invalidOption(WHERE, 'auth', 'must have "username" and "password", or "token"')
  }
  if ('token' in auth) {
    const { token } = auth
    if (typeof token === 'string' && token !== '')
      return () => ({ ...always, authorization: `Bearer ${token}` })
    if (typeof token === 'function') {
      return async () => ({ ...always, authorization: `Bearer ${await askForToken(token)}` })
    }
    throw invalidOption(WHERE, 'auth.token', 'must be a string or a function that gives one')
  }
  const { username, password } = auth
  if (typeof username !== 'string' || typeof password !== 'string') {
    throw invalidOption(WHERE, 'auth', 'must have "username" and "password", or "token"')
  }
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return () => ({ ...always, authorization })
}

async function askForToken(token: () => string | Promise<string>): Promise<string> {
  const what = `${WHERE}: the function in option "auth.token"`
  let given: unknown
  try {
    given = await token()
  } catch (cause) {
    throw new BusbarError('REGISTRY_UNAVAILABLE', `${what} failed: ${reasonOf(cause)}`, { cause })
  }
  if (typeof given === 'string' && given !== '') return given
  throw new BusbarError('REGISTRY_UNAVAILABLE', `${what} gave no text`)
}
