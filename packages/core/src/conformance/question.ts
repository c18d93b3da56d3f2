import { defineError } from '../declared-error.js'
import { defineRequest, type RequestDefinition } from '../request.js'
import type { World } from './world.js'

export interface Question {
  readonly n: number
}

export interface Answer {
  readonly n: number
  readonly by: string
}

export const OddNumber = defineError<{ readonly n: number }>('OddNumber')

/** A request on a topic of its own. */
export function question(world: World): RequestDefinition<Question, Question, Answer, Answer> {
  const name = world.name('request')
  return defineRequest<Question, Answer>(name, { topic: { name, partitions: 4 }, errors: { OddNumber } })
}
