import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../free-ports.js'
import { BrokerNode } from './broker-node.js'
import type { BrokerRuntime } from './broker-runtime.js'
import { makeCertificates } from './certificates.js'
import { chooseRuntime } from './choose-runtime.js'
import type { NodePorts } from './server-properties.js'
import { whenThisProcessDies } from './watchdog.js'

/** What a start of one node or several needs. */
export interface StartPlan {
  readonly nodes: number
  /** The first node's plain port; free ports otherwise. */
  readonly port?: number
  /** By node, the port to advertise for the PROXIED listener. */
  readonly proxyPorts?: readonly number[]
  /** The users of the TLS listener, which only exists when they are given. */
  readonly users?: Readonly<Record<string, string>>
  readonly config: Readonly<Record<string, string>>
  readonly heapMb: number
  readonly fast: boolean
}

/** Nodes that run, and what was made for them. */
export interface StartedNodes {
  readonly nodes: readonly BrokerNode[]
  readonly ports: readonly NodePorts[]
  readonly folder: string
  readonly kind: BrokerRuntime['kind']
  /** The certificate authority of the TLS listener. */
  readonly ca?: string
  /** Ends all nodes, without a clean shutdown, and removes their data. */
  stop(): Promise<void>
}

const ATTEMPTS = 3

/**
 * Starts the nodes and waits until each answers. Free ports may be taken between choosing and binding them, so that a
 * start which fails for that is tried again with others.
 *
 * @throws KafkaUnavailable when this machine can't run brokers, Error when one doesn't start.
 */
export async function startNodes(plan: StartPlan): Promise<StartedNodes> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(plan)
    } catch (error) {
      const taken = /Address already in use|port is already allocated/.test((error as Error).message)
      if (!taken || attempt === ATTEMPTS) throw error
    }
  }
}

async function startOnce(plan: StartPlan): Promise<StartedNodes> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-kafka-'))
  // A moment later, so that a broker that is being killed writes nothing into the folder any more.
  const callOff = whenThisProcessDies('sleep 1; rm -rf "$1"', [folder])
  const nodes: BrokerNode[] = []
  let runtime: BrokerRuntime | undefined
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(node => node.kill()))
    await runtime?.release()
    await rm(folder, { recursive: true, force: true })
    callOff()
  }
  try {
    const ports = await choosePorts(plan)
    const secrets = plan.users === undefined ? undefined : await makeCertificates(folder)
    const runtimeOptions = { heapMb: plan.heapMb, fast: plan.fast }
    runtime = await chooseRuntime(runtimeOptions, folder, ports.flatMap(boundPorts))
    const voters = new Map(ports.map((port, index) => [index + 1, port.controller]))
    for (const [index, port] of ports.entries()) {
      const nodeId = index + 1
      nodes.push(
        new BrokerNode(runtime, {
          nodeId,
          folder: join(folder, `node-${nodeId}`),
          bindAddress: runtime.bindAddress,
          ports: port,
          voters,
          config: plan.config,
          ...(secrets === undefined || plan.users === undefined
            ? {}
            : { saslSsl: { keystore: secrets.keystore, users: plan.users } }),
        }),
      )
    }
    await Promise.all(nodes.map(node => node.prepare()))
    for (const node of nodes) await node.launch()
    await Promise.all(nodes.map(node => node.ready()))
    return {
      nodes,
      ports,
      folder,
      kind: runtime.kind,
      stop,
      ...(secrets === undefined ? {} : { ca: secrets.ca }),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function choosePorts(plan: StartPlan): Promise<NodePorts[]> {
  const free = await freePorts(plan.nodes * 4)
  const next = (): number => free.pop() ?? 0
  return Array.from({ length: plan.nodes }, (_, index) => {
    const advertisedProxy = plan.proxyPorts?.[index]
    return {
      plain: (index === 0 ? plan.port : undefined) ?? next(),
      controller: next(),
      ...(advertisedProxy === undefined ? {} : { proxied: next(), advertisedProxy }),
      ...(plan.users === undefined ? {} : { saslSsl: next() }),
    }
  })
}

function boundPorts({ plain, controller, proxied, saslSsl }: NodePorts): number[] {
  return [plain, controller, proxied, saslSsl].filter(port => port !== undefined)
}
