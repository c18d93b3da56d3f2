import type { SubscribeOptions } from '../bus-options.js'
import type { DeliveryContext, EventContext } from '../context.js'
import type { AnyEvent } from '../event.js'
import type { EncodeOptions } from '../publish.js'
import type { Published } from '../publish-report.js'
import type { OutboundRecord } from '../transport.js'
import { outputFor } from './output.js'
import { type RecordPipeline, runPipeline } from './run-pipeline.js'

export interface PipeOptions extends SubscribeOptions {
  /**
   * Whether outputs, dead letters and the position are stored as one, so that each record counts once whatever dies when.
   * Without it outputs are published first, and come again, with equal ids, where the position was not committed. Needs a
   * group whose subscriptions all say so. Default: false.
   */
  readonly exactlyOnce?: boolean
}

export interface Pipe {
  readonly pipeline: RecordPipeline<unknown, unknown>
  readonly target: AnyEvent | readonly AnyEvent[]
  readonly publish: (event: AnyEvent, payload: never, options: EncodeOptions) => Promise<unknown>
  readonly encode: (event: AnyEvent, payload: never, options: EncodeOptions) => Promise<OutboundRecord>
  /** What tells of outputs that are stored with the acknowledgement, once they are; undefined where there are none, or nobody listens. */
  readonly onStored: (outputs: readonly Published[]) => (() => void) | undefined
}

/** Handles one record: runs its pipeline to the end, then publishes what came out, or leaves it to the acknowledgement. */
export function pipeHandle(pipe: Pipe): (context: DeliveryContext) => Promise<void> {
  return async context => {
    const carry = context.effects?.begin()
    const outputs = await outputsOf(pipe, context)
    if (!carry) {
      // One after the other: where one fails, those behind it must not be there before it.
      for (const { event, payload, options } of outputs) {
        context.signal.throwIfAborted()
        await pipe.publish(event, payload, options)
      }
      return
    }
    const onCommitted = pipe.onStored(outputs.map(({ event: { kind, name } }) => ({ kind, event: name })))
    const encoding = outputs.map(({ event, payload, options }) => pipe.encode(event, payload, options))
    carry({ records: await Promise.all(encoding), ...(onCommitted && { onCommitted }) })
  }
}

async function outputsOf(pipe: Pipe, context: DeliveryContext) {
  const emitted: unknown[] = []
  await runPipeline(
    pipe.pipeline,
    context.payload,
    context as EventContext,
    output => void emitted.push(output),
  )
  return emitted.map((each, index) => {
    const { event, payload, options } = outputFor(each, pipe.target)
    return { event, payload, options: { ...options, id: outputId(context, index) } }
  })
}

/** The same for the same record, so that a consumer can tell an output that comes twice; another one in each subscription. */
function outputId({ id, subscription }: DeliveryContext, index: number): string {
  return `${id}/${subscription}/${index}`
}
