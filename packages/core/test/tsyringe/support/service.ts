import 'reflect-metadata'
import type { Bus } from '@busbar/core'
import { type TestBus, testBus } from '@busbar/core/testing'
import { type RegisteredHandlers, registerHandlers } from '@busbar/core/tsyringe'
import { container, type DependencyContainer } from 'tsyringe'
import { type LogLine, recordingLogger } from '../../support/bus.js'

export interface Service extends AsyncDisposable {
  readonly t: TestBus
  readonly bus: Bus
  readonly container: DependencyContainer
  readonly lines: LogLine[]
}

/** A service with these handlers, on a test bus, and with a container of its own. Not started. */
export function service(
  handlers: readonly RegisteredHandlers[],
  register: (container: DependencyContainer) => void = () => {},
): Service {
  const logger = recordingLogger()
  const t = testBus({ name: 'accounts', logger })
  const bus = t.bus()
  const own = container.createChildContainer()
  register(own)
  registerHandlers(bus, own, handlers)
  return { t, bus, container: own, lines: logger.lines, [Symbol.asyncDispose]: () => t.close() }
}
