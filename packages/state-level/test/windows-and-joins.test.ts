import { adResults, eventually, kafkaForTests, randomAds, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { adEvents, adLengths } from './support/ad-events.js'
import { Watched, withKilledServices } from './support/killed-services.js'

const test = suite('windows and a join with state on disk')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  test('services that are killed at any time on Kafka publish what a batch computation over the log comes to', async () => {
    const name = uniqueName('ads')
    const { Shown, Clicked, Tumbling, Sessions, Joined } = adEvents(name)
    await withKilledServices({ streams: 'ads', kafka, name }, async ({ random, bus, kills, killing }) => {
      const watched = new Watched()
      watched.watch(bus, Shown, Clicked, Tumbling, Sessions, Joined)
      const perRound = 150
      const ads = randomAds(random, (kills + 1) * perRound)
      await killing(round =>
        Promise.all(
          ads
            .slice(round * perRound, (round + 1) * perRound)
            .map(({ key, ad }) => bus.publish(ad.side === 'left' ? Shown : Clicked, ad, { key })),
        ),
      )
      await eventually(() => assert.is(watched.records(`${name}-ads`).length, ads.length, 'the input'))
      const expected = adResults(watched.records(`${name}-ads`), adLengths)
      const published = (kind: string) =>
        watched
          .entries<string>(`${name}-${kind}`)
          .map(([, value]) => value)
          .sort()
      await eventually(
        () => {
          for (const kind of ['tumbling', 'sessions', 'joined'] as const)
            assert.equal(published(kind), expected[kind], kind)
        },
        { timeoutMs: 60_000 },
      )
      // Late ones were dropped, and windows closed: otherwise the input shows nothing.
      assert.ok(expected.tumbling.length < ads.length)
      assert.ok(expected.joined.some(pair => pair.endsWith('+-')))
      assert.ok(expected.joined.some(pair => /\d\+\d/.test(pair)))
    })
  })
}

test.run()
