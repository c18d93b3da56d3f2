import { type AssignableMember, assignPartitions, type TopicPartition } from '@busbar/core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from './seeded-random.js'

const label = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

function assign(
  members: readonly AssignableMember[],
  counts: Record<string, number>,
): Record<string, string[]> {
  const assignments = assignPartitions(members, topic => counts[topic] ?? 0)
  return Object.fromEntries([...assignments].map(([id, held]) => [id, held.map(label)]))
}

test('one member gets everything it subscribed to', () => {
  assert.equal(assign([{ id: 'a', topics: ['t', 'u'] }], { t: 2, u: 1, v: 9 }), { a: ['t/0', 'u/0', 't/1'] })
})

test('partitions are shared evenly; with more members than partitions some get none', () => {
  const members = ['a', 'b', 'c'].map(id => ({ id, topics: ['t'] }))
  assert.equal(assign(members, { t: 4 }), { a: ['t/0', 't/3'], b: ['t/1'], c: ['t/2'] })
  assert.equal(assign(members, { t: 2 }), { a: ['t/0'], b: ['t/1'], c: [] })
})

test('a topic that is not there, and one that is named twice, harm nobody', () => {
  assert.equal(assign([{ id: 'a', topics: ['t', 't', 'nowhere'] }], { t: 1 }), { a: ['t/0'] })
  const twice = [
    { id: 'a', topics: ['t', 't', 'u'] },
    { id: 'b', topics: ['t', 'u'] },
  ]
  assert.equal(assign(twice, { t: 1, u: 1 }), { a: ['t/0', 'u/0'], b: [] })
  assert.equal(assign([{ id: 'a', topics: [] }], {}), { a: [] })
  assert.equal(assign([], { t: 1 }), {})
})

test('equal partition numbers of co-subscribed topics go to one member', () => {
  const members = ['a', 'b'].map(id => ({ id, topics: ['t', 'u'] }))
  assert.equal(assign(members, { t: 3, u: 2 }), { a: ['t/0', 'u/0', 't/2'], b: ['t/1', 'u/1'] })
})

test("nobody gets partitions of a topic that it didn't subscribe to, as in a rolling deploy", () => {
  const old = { id: 'old', topics: ['t'] }
  const young = { id: 'young', topics: ['t', 'u'] }
  const shares = assign([old, young], { t: 2, u: 2 })
  assert.equal(shares['old'], ['t/0'])
  assert.equal(shares['young'], ['t/1', 'u/0', 'u/1'])
})

test('the order of the members makes no difference', () => {
  const members = ['c', 'a', 'b'].map(id => ({ id, topics: ['t'] }))
  const sorted = [...members].sort((x, y) => (x.id < y.id ? -1 : 1))
  assert.equal(assign(members, { t: 5 })['a'], assign(sorted, { t: 5 })['a'])
})

test('what a member holds and does not want any more goes to others', () => {
  const gaveUp = { id: 'a', topics: ['u'], owned: [{ topic: 't', partition: 0 }] }
  assert.equal(assign([gaveUp, { id: 'b', topics: ['t'] }], { t: 1, u: 1 }), { a: ['u/0'], b: ['t/0'] })
})

test('between members with equal shares of a topic, the one with less of the others goes first', () => {
  const members = [
    { id: 'a', topics: ['t', 'u'] },
    { id: 'b', topics: ['t', 'u'] },
    { id: 'c', topics: ['u'] },
  ]
  assert.equal(assign(members, { t: 1, u: 1 }), { a: ['t/0'], b: ['u/0'], c: [] })
})

test('members keep what they hold; a new one gets just its share', () => {
  const owned = (...partitions: number[]) => partitions.map(partition => ({ topic: 't', partition }))
  const shares = assign(
    [
      { id: 'a', topics: ['t'], owned: [] },
      { id: 'b', topics: ['t'], owned: owned(1, 3, 5) },
      { id: 'c', topics: ['t'], owned: owned(0, 2, 4) },
    ],
    { t: 6 },
  )
  assert.equal(shares, { a: ['t/4', 't/5'], b: ['t/1', 't/3'], c: ['t/0', 't/2'] })
})

test('of rivals who claim a partition, the one of the latest generation has it', () => {
  const owned = (...partitions: number[]) => partitions.map(partition => ({ topic: 't', partition }))
  const members = [
    { id: 'a', topics: ['t'], owned: owned(0, 1), generation: 2 },
    { id: 'b', topics: ['t'], owned: owned(0), generation: 5 },
    { id: 'c', topics: ['t'], owned: owned(0, 2) },
  ]
  const shares = { a: ['t/1'], b: ['t/0'], c: ['t/2'] }
  assert.equal(assign(members, { t: 3 }), shares)
  assert.equal(assign(members.toReversed(), { t: 3 }), shares)
})

test('every partition has one member, and shares differ by one at most', () => {
  for (let members = 1; members <= 5; members++) {
    for (const partitions of [1, 2, 3, 6, 7]) {
      const all = Array.from({ length: members }, (_, i) => ({ id: `m${i}`, topics: ['t'] }))
      const shares = Object.values(assign(all, { t: partitions }))
      assert.equal(
        shares.flat().sort(),
        Array.from({ length: partitions }, (_, i) => `t/${i}`),
      )
      const sizes = shares.map(share => share.length)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
    }
  }
})

test('topics of one partition beside a larger one: nobody is left without', () => {
  const topics = ['t0', 't1', 't2', 't3', 't4', 'x']
  const owned = [...topics, 'gone'].map(topic => ({ topic, partition: 0 }))
  const members = [
    { id: 'a', topics, owned, generation: 1 },
    { id: 'b', topics },
  ]
  const shares = assign(members, { t0: 1, t1: 1, t2: 1, t3: 1, t4: 1, x: 2 })
  assert.is(Object.values(shares).flat().length, 7)
  assert.ok(shares['a']?.length && shares['b']?.length)
})

test('whoever joins and leaves: complete, own topics only, even, co-partitioned, and unchanged when nothing changes', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seededRandom(seed)
    const pick = (below: number) => Math.floor(random() * below)
    const counts: Record<string, number> = { t: pick(8), u: 1 + pick(8), v: 1 + pick(8), w: 1 + pick(3) }
    let members: AssignableMember[] = []
    for (let step = 0; step < 6; step += 1) {
      members = members.filter(() => random() < 0.8)
      members.push({ id: `m${step}`, topics: Object.keys(counts).filter(() => random() < 0.6) })
      const result = assignPartitions(members, topic => counts[topic] ?? 0)
      const holderOf = new Map<string, string>()
      for (const { id, topics } of members) {
        for (const held of result.get(id) ?? []) {
          assert.ok(topics.includes(held.topic), `seed ${seed}`)
          assert.not.ok(holderOf.has(label(held)), `seed ${seed}: twice`)
          holderOf.set(label(held), id)
        }
      }
      for (const [topic, count] of Object.entries(counts)) {
        const subscribers = members.filter(({ topics }) => topics.includes(topic)).map(({ id }) => id)
        if (subscribers.length === 0) continue
        const holders = Array.from({ length: count }, (_, partition) => holderOf.get(`${topic}/${partition}`))
        assert.ok(
          holders.every(holder => holder !== undefined),
          `seed ${seed}: incomplete`,
        )
        const twins = Object.keys(counts).filter(other => {
          return members.every(({ topics }) => topics.includes(other) === topics.includes(topic))
        })
        for (const twin of twins) {
          const together = Math.min(count, counts[twin] ?? 0)
          for (let partition = 0; partition < together; partition += 1) {
            assert.is(
              holderOf.get(`${twin}/${partition}`),
              holders[partition],
              `seed ${seed}: not co-partitioned`,
            )
          }
        }
        if (count < Math.max(...twins.map(twin => counts[twin] ?? 0))) continue
        const shares = subscribers.map(id => holders.filter(holder => holder === id).length)
        assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, `seed ${seed}: uneven ${shares.join()}`)
      }
      members = members.map(member => ({ ...member, owned: result.get(member.id) ?? [] }))
      const again = assignPartitions(members, topic => counts[topic] ?? 0)
      for (const { id } of members)
        assert.equal(again.get(id)?.map(label), result.get(id)?.map(label), `seed ${seed}: moved`)
    }
  }
})

test.run()
