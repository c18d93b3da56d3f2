/** What the settings of one node are made of. */
export interface NodeSettings {
  readonly nodeId: number
  readonly folder: string
  /** The address that listeners bind to. */
  readonly bindAddress: string
  readonly ports: NodePorts
  /** Every node's controller port by node id. */
  readonly voters: ReadonlyMap<number, number>
  /** The TLS listener's settings, where there is one. */
  readonly saslSsl?: { readonly keystore: string; readonly users: Readonly<Record<string, string>> }
  /** Properties that win over all others. */
  readonly config: Readonly<Record<string, string>>
}

/** The ports of one node. `advertisedProxy` is the one that clients are told for the PROXIED listener. */
export interface NodePorts {
  readonly plain: number
  readonly controller: number
  readonly proxied?: number
  readonly advertisedProxy?: number
  readonly saslSsl?: number
}

/** The user whose SASL name is a super user, as every client of a plain-text listener is. */
export const SUPER_USER = 'admin'

// A test's broker: small, quick to form groups, and without topics that appear by themselves.
const TEST_DEFAULTS = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'log.cleaner.dedupe.buffer.size': '2097152',
}

/** The text of a node's `server.properties`. */
export function serverProperties(settings: NodeSettings): string {
  const { nodeId, folder, voters, config } = settings
  const nodes = Math.min(voters.size, 3)
  const replicas = String(nodes)
  const minInSync = String(nodes > 1 ? nodes - 1 : 1)
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(nodeId),
    'controller.quorum.voters': [...voters].map(([id, port]) => `${id}@127.0.0.1:${port}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': `${folder}/data`,
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    ...TEST_DEFAULTS,
    ...listeners(settings),
    ...(settings.saslSsl === undefined ? {} : saslSsl(settings.saslSsl)),
    ...config,
  }
  return `${Object.entries(properties)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`
}

function listeners({ bindAddress, ports }: NodeSettings): Record<string, string> {
  const bound = [
    `PLAINTEXT://${bindAddress}:${ports.plain}`,
    `CONTROLLER://${bindAddress}:${ports.controller}`,
  ]
  // A controller must advertise an address that others can reach, which 0.0.0.0 is not.
  const told = [`PLAINTEXT://127.0.0.1:${ports.plain}`, `CONTROLLER://127.0.0.1:${ports.controller}`]
  if (ports.proxied !== undefined) {
    bound.push(`PROXIED://${bindAddress}:${ports.proxied}`)
    told.push(`PROXIED://127.0.0.1:${ports.advertisedProxy ?? ports.proxied}`)
  }
  if (ports.saslSsl !== undefined) {
    bound.push(`SASL_SSL://${bindAddress}:${ports.saslSsl}`)
    told.push(`SASL_SSL://127.0.0.1:${ports.saslSsl}`)
  }
  return {
    listeners: bound.join(','),
    'advertised.listeners': told.join(','),
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
  }
}

function saslSsl({ keystore, users }: NonNullable<NodeSettings['saslSsl']>): Record<string, string> {
  const modules = 'org.apache.kafka.common.security'
  const scram = `${modules}.scram.ScramLoginModule required;`
  const plainUsers = Object.entries(users).map(([user, password]) => `user_${user}="${password}"`)
  const listener = 'listener.name.sasl_ssl'
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${listener}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required ${plainUsers.join(' ')};`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: scram,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
    // Clients and brokers without a name come through the plain-text listeners.
    'super.users': `User:ANONYMOUS;User:${SUPER_USER}`,
  }
}
