import { type Bus, defineEvent, sessions, tumbling, type Window } from '@busbar/core'
import type { Ad, AdLengths } from '@busbar/testkit'

export const adLengths: AdLengths = { sizeMs: 20, gapMs: 5, graceMs: 10, beforeMs: 4, afterMs: 8 }

/** The events of a run by its name. Ads that are shown and clicked share a topic, so that its log is their order. */
export function adEvents(name: string) {
  const event = <T>(kind: string, topic = kind) =>
    defineEvent<T>(`${name}-${kind}`, { topic: { name: `${name}-${topic}`, partitions: 2 } })
  return {
    Shown: event<Ad>('shown', 'ads'),
    Clicked: event<Ad>('clicked', 'ads'),
    Tumbling: event<string>('tumbling'),
    Sessions: event<string>('sessions'),
    Joined: event<string>('joined'),
  }
}

/** Declares counts by windows, and a join of what was shown with what was clicked, on a bus. */
export function followAds(bus: Bus, { Shown, Clicked, Tumbling, Sessions, Joined }: AdEvents): void {
  const { sizeMs, gapMs, graceMs, beforeMs, afterMs } = adLengths
  const timestamp = ({ at }: Ad) => at
  const shown = bus.stream(Shown, { timestamp }).keyed()
  const clicked = bus.stream(Clicked, { timestamp }).keyed()
  const both = shown.merge(clicked).groupByKey()
  const windowed = (count: number, { key, window }: { key: string; window: Window }) =>
    `${key}@${window.startMs}-${window.endMs}=${count}`
  both.windowedBy(tumbling({ sizeMs, graceMs })).count({ store: 'tumbling' }).to(Tumbling, windowed)
  const bySession = both.windowedBy(sessions({ gapMs, graceMs }))
  bySession.count({ store: 'sessions', emit: 'final' }).to(Sessions, windowed)
  shown
    .outerJoin(
      clicked,
      { store: 'join', withinMs: { beforeMs, afterMs }, graceMs },
      (one, other) => `${one?.id ?? '-'}+${other?.id ?? '-'}`,
    )
    .to(Joined)
}

type AdEvents = ReturnType<typeof adEvents>
