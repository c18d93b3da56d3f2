import { silentLogger } from '@busbar/core'
import { AssignerProtocol } from 'kafkajs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createAssigner, memberAssignment, memberInfo } from '../dist/assigner.js'
import type { Cluster } from '../dist/kafkajs-internals.js'

const test = suite('assigner')

/** A cluster that knows how many partitions topics have. */
function clusterOf(counts: Record<string, number>): Cluster {
  const findTopicPartitionMetadata = (topic: string) =>
    Array.from({ length: counts[topic] ?? 0 }, (_, partitionId) => ({ partitionId }))
  return { findTopicPartitionMetadata } as unknown as Cluster
}

const subscription = (topics: string[], userData: Buffer) =>
  AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData })

test('what a member holds reaches the leader, and what the leader assigns the member', async () => {
  const owned = [
    { topic: 't', partition: 1 },
    { topic: 'u', partition: 1 },
  ]
  const assigner = createAssigner({
    cluster: clusterOf({ t: 2, u: 2 }),
    logger: silentLogger,
    claim: () => ({ topics: ['t', 'u'], owned, generation: 7 }),
  })
  const topics = ['old']
  const { metadata } = assigner.protocol({ topics })
  assert.equal(topics, ['t', 'u'], "kafkajs's own list follows")
  assert.equal(memberInfo('a', metadata), { id: 'a', topics: ['t', 'u'], owned, generation: 7 })
  const other = subscription(['t', 'u'], Buffer.alloc(0))
  const assigned = await assigner.assign({
    topics,
    members: [
      { memberId: 'b', memberMetadata: other },
      { memberId: 'a', memberMetadata: metadata },
    ],
  })
  const byMember = new Map(assigned.map(each => [each.memberId, memberAssignment(each.memberAssignment)]))
  const counts = new Map([
    ['t', 2],
    ['u', 2],
  ])
  assert.equal(byMember.get('a'), { partitions: owned, counts })
  const rest = owned.map(({ topic }) => ({ topic, partition: 0 }))
  assert.equal(byMember.get('b'), { partitions: rest, counts })
})

test('foreign user data counts as none', () => {
  for (const text of [
    '',
    'no json',
    '{"held":7,"generation":1}',
    'null',
    '[]',
    '{"held":{"t":"x"},"generation":1}',
    '{"held":{"t":[0]},"generation":"x"}',
  ]) {
    const info = memberInfo('a', subscription(['t'], Buffer.from(text)))
    assert.equal(info.topics, ['t'])
    assert.equal(info.owned ?? [], [])
  }
  const assignment = { t: [0, 0, 1] }
  for (const text of ['', 'no json', '{"counts":3}', '{"counts":{"t":"x"}}']) {
    const encoded = { version: 0, assignment, userData: Buffer.from(text) }
    const { partitions, counts } = memberAssignment(AssignerProtocol.MemberAssignment.encode(encoded))
    assert.equal(
      partitions.map(({ partition }) => partition),
      [0, 1],
    )
    assert.is(counts.size, 0)
  }
})

test.run()
