import type { ColdRequestOptions, ColdRequestTimes } from '../programs/cold-request.js'
import { echoRequest } from './echo.js'
import { startProgram } from './program.js'
import { kafkaBus } from './scenario.js'

/** Lets fresh processes ask a responder that is warm, on topics that exist, and returns what each measured. */
export async function coldRequests(
  brokers: string[],
  names: { topic: string; replyTopic: string },
  count: number,
) {
  const Echo = echoRequest(names.topic)
  const requests = { replyTopic: names.replyTopic }
  const { bus } = kafkaBus(brokers, { name: 'warm', requests })
  bus.reply(Echo, question => ({ ...question, by: 'warm' }))
  await bus.start()
  await bus.request(Echo, { from: 'warm', number: 0 }, { timeoutMs: 20_000 })
  const measured: ColdRequestTimes[] = []
  for (let round = 0; round < count; round++) {
    await using cold = startProgram('cold-request', { brokers, ...names } satisfies ColdRequestOptions)
    measured.push(await cold.message<ColdRequestTimes>('times'))
    await cold.close()
  }
  await bus.close()
  return measured
}
