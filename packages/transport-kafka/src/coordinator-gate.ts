import { type MemberAssignment, memberAssignment } from './assigner.js'
import { withCoordinatorReason } from './find-coordinator.js'
import type { Broker, Cluster, FetchRequest, GroupBroker } from './kafkajs-internals.js'

/** One membership in a group, from one assignment to the next. */
export interface Generation extends MemberAssignment {
  readonly group: string
  readonly memberId: string
  readonly generationId: number
  /** The coordinator as it is, without the gate. */
  readonly coordinator: GroupBroker
  readonly cluster: Cluster
}

/** What the gate asks and tells. Where one rejects, what kafkajs was doing fails with that. */
export interface GateHooks {
  /** The member is about to join; until the answer it keeps what it has. Never rejects. */
  beforeJoin(): Promise<void>
  /** The member has its assignment, and kafkajs does not know it yet. */
  joined(generation: Generation): Promise<void>
  /** Where kafkajs is to think it begins. */
  position(topic: string, partition: number): number | undefined
  /** Fetches partitions of one broker and hands their records over. */
  fetch(broker: Broker, request: FetchRequest): Promise<void>
  /** Whether this member must join anew, though the coordinator has not asked for it. */
  mustRejoin(): boolean
  /** The member that this one takes the place of, once: its membership need not run out before the group goes on. */
  formerMember(): string | undefined
  /** Whether the member has left, so that nothing may join any more. */
  closed(): boolean
}

/** What is known of joining. */
export interface JoinGate {
  /** Resolves once no request to join, or to leave because of it, waits for its answer. */
  settled(): Promise<void>
}

/** Remembers a request until it is answered. */
type Track = <T>(request: Promise<T>) => Promise<T>

/**
 * Stands between kafkajs's consumer and its brokers. kafkajs does what it does well (join, heartbeat, leave, metadata,
 * reconnecting), and awaits what it has no way to await by itself: a commit before each join, the start positions after
 * it. Records don't pass through it at all: they are fetched here, in its loop, so that a partition at its limit is left
 * out of a request (kafkajs's `pause` drops what was fetched and sleeps `maxWaitTimeInMs` when all are paused), a seek is
 * a change of position, and a position out of range is seen before kafkajs resets it.
 *
 * Works by replacing `findBroker` and `findGroupCoordinator` of this consumer's own cluster, and the building of its
 * connections, so that what kafkajs would try again after the member has left ends instead.
 */
export function gateCluster(cluster: Cluster, group: string, hooks: GateHooks): JoinGate {
  const pending = new Set<Promise<unknown>>()
  const track: Track = request => {
    pending.add(request)
    const forget = () => pending.delete(request)
    request.then(forget, forget)
    return request
  }
  const gates = new WeakMap<GroupBroker, GroupBroker>()
  const gated = (broker: GroupBroker): GroupBroker => {
    const gate = gates.get(broker) ?? gateOf(broker, cluster, group, hooks, track)
    gates.set(broker, gate)
    return gate
  }
  const findBroker = cluster.findBroker.bind(cluster)
  const findGroupCoordinator = cluster.findGroupCoordinator.bind(cluster)
  const build = cluster.connectionPoolBuilder.build.bind(cluster.connectionPoolBuilder)
  cluster.connectionPoolBuilder.build = async address => {
    if (hooks.closed()) throw leftError()
    return build(address)
  }
  cluster.findBroker = async target => gated((await findBroker(target)) as GroupBroker)
  // kafkajs looks the broker up with `findBroker`: it is gated already.
  cluster.findGroupCoordinator = target =>
    withCoordinatorReason(cluster, group, () => findGroupCoordinator(target))
  return {
    async settled() {
      // What is answered may lead to one more request.
      while (pending.size > 0) await Promise.allSettled(pending)
    },
  }
}

function gateOf(
  broker: GroupBroker,
  cluster: Cluster,
  group: string,
  hooks: GateHooks,
  track: Track,
): GroupBroker {
  const gate = Object.create(broker) as { -readonly [Method in keyof GroupBroker]: GroupBroker[Method] }
  gate.joinGroup = async request => {
    if (hooks.closed()) throw leftError()
    await hooks.beforeJoin()
    if (hooks.closed()) throw leftError()
    // Where the coordinator does not know it any more, kafkajs joins again as a new member.
    const memberId = request.memberId || (hooks.formerMember() ?? '')
    const joined = await track(broker.joinGroup({ ...request, memberId }))
    if (!hooks.closed()) return joined
    // kafkajs did not know its id yet when it left: partitions would be given to nobody until the session is over.
    await track(broker.leaveGroup({ groupId: group, memberId: joined.memberId }))
    throw leftError()
  }
  gate.syncGroup = async request => {
    const response = await broker.syncGroup(request)
    const { memberId, generationId } = request
    const assigned = memberAssignment(response.memberAssignment)
    await hooks.joined({ group, memberId, generationId, coordinator: broker, cluster, ...assigned })
    return response
  }
  gate.heartbeat = async request => {
    if (hooks.mustRejoin()) throw rejoinError()
    return broker.heartbeat(request)
  }
  gate.fetch = async request => {
    if (hooks.mustRejoin()) throw rejoinError()
    await hooks.fetch(broker, request)
    return { responses: [] }
  }
  gate.offsetFetch = async request => ({
    responses: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partition,
        offset: String(hooks.position(topic, partition) ?? 0),
      })),
    })),
  })
  // kafkajs itself only commits to reset a position: positions are not its own here.
  gate.offsetCommit = async () => ({})
  return gate
}

/** What makes kafkajs join again, as if the coordinator had asked for it. */
function rejoinError(): Error {
  return Object.assign(new Error('the subscription has changed'), {
    type: 'REBALANCE_IN_PROGRESS',
    retriable: false,
  })
}

function leftError(): Error {
  return Object.assign(new Error('the member has left the group'), { retriable: false })
}
