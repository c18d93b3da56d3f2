import { defineEvent, type EventDefinition } from '@busbar/core'

/** What a request asks for, and what its event holds. */
export interface Work {
  readonly name: string
  /** How long its handler takes, in milliseconds. */
  readonly workMs: number
  /** In the first instance: `held`, the handler's time begins with SIGTERM; `hangs`, it never ends. */
  readonly handler?: 'held' | 'hangs'
  /** Where given, the request waits for SIGTERM, and for so many milliseconds more, before it publishes. */
  readonly afterSignalMs?: number
}

export function workOn(topic: string): EventDefinition<Work> {
  return defineEvent<Work>('work', { topic: { name: topic, partitions: 4 }, key: work => work.name })
}

/** What a work server is started with, as JSON in its first argument. */
export interface WorkServerOptions {
  readonly framework: 'express' | 'koa' | 'fastify'
  readonly brokers: readonly string[]
  readonly group: string
  readonly topic: string
  readonly closeTimeoutMs: number
  readonly isFirst: boolean
}
