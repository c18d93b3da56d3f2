import { type Bus, BusbarError, type BusOptions, createBus, type MiddlewareLike } from '@busbar/core'
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { ExternalContextCreator, ModulesContainer } from '@nestjs/core'
import { BUS } from './bus-token.js'
import { runnerOf } from './handler-context.js'
import { type DiscoveredHandler, discoverHandlers } from './handler-discovery.js'
import { nestLogger } from './nest-logger.js'

/** Options of {@link BusbarModule.forRoot}: those of `createBus`, and two of the module. */
export interface BusbarModuleOptions extends BusOptions {
  /** Middleware around every publish and every handler, outermost first, as with `bus.use`. Default: none. */
  readonly use?: readonly MiddlewareLike[]
  /**
   * How long handlers, and then publishes, may go on when the application closes, in milliseconds for each of the two.
   * Default: 10,000.
   */
  readonly closeTimeoutMs?: number
}

/** Options of {@link BusbarModule.forRootAsync}. */
export interface BusbarModuleAsyncOptions {
  /** Modules whose providers `inject` names. */
  readonly imports?: ModuleMetadata['imports']
  /** What the factory is called with. */
  readonly inject?: FactoryProvider['inject']
  /** Makes the options, once for each application. */
  readonly useFactory: (...injected: never[]) => BusbarModuleOptions | Promise<BusbarModuleOptions>
}

const OPTIONS = Symbol('@busbar/nestjs options')

/**
 * One bus for a Nest application, global: inject it with `@InjectBus()`, and handle events with `@OnEvent` and `@Replies`.
 *
 * The bus starts when the application has been initialised, before it listens. When it closes, the bus first stops to receive and
 * lets handlers finish while HTTP requests under way may still publish, and is closed once they are done.
 */
@Module({})
export class BusbarModule
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #bus: Bus
  readonly #options: BusbarModuleOptions
  readonly #modules: ModulesContainer
  readonly #contexts: ExternalContextCreator

  /** Made by Nest. */
  constructor(
    @Inject(BUS) bus: Bus,
    @Inject(OPTIONS) options: BusbarModuleOptions,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(ExternalContextCreator) contexts: ExternalContextCreator,
  ) {
    this.#bus = bus
    this.#options = options
    this.#modules = modules
    this.#contexts = contexts
    bus.use(...(options.use ?? []))
  }

  /** The module with these options. A transport serves one bus: where a process makes several applications, as tests do, use {@link forRootAsync}. */
  static forRoot(options: BusbarModuleOptions): DynamicModule {
    return BusbarModule.forRootAsync({ useFactory: () => options })
  }

  /** The module with options that a factory makes, from what the application provides. */
  static forRootAsync({ imports = [], inject = [], useFactory }: BusbarModuleAsyncOptions): DynamicModule {
    return {
      module: BusbarModule,
      global: true,
      imports,
      providers: [
        { provide: OPTIONS, inject, useFactory: useFactory as FactoryProvider['useFactory'] },
        { provide: BUS, inject: [OPTIONS], useFactory: busOf },
      ],
      exports: [BUS],
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    try {
      refuseSecondModule(this.#modules)
      for (const handler of discoverHandlers(this.#modules)) this.#subscribe(handler)
      await this.#bus.start()
    } catch (thrown) {
      // Nest 11 runs no hook when an application that could not start is closed.
      await this.#bus.close(this.#closeOptions)
      throw thrown
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#bus.drain(this.#closeOptions)
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#bus.close(this.#closeOptions)
  }

  get #closeOptions(): { readonly timeoutMs?: number } {
    const { closeTimeoutMs } = this.#options
    return closeTimeoutMs === undefined ? {} : { timeoutMs: closeTimeoutMs }
  }

  #subscribe(handler: DiscoveredHandler): void {
    const { name, declaration } = handler
    const { decorator, contract, options } = declaration
    const run = runnerOf(this.#contexts, handler)
    try {
      const { group } =
        decorator === 'OnEvent'
          ? this.#bus.subscribe(contract, options, run)
          : this.#bus.reply(contract, options, run as never)
      const how = decorator === 'OnEvent' ? 'handles' : 'answers'
      const where = group === false ? 'as a broadcast' : `in group ${group}`
      loggerOf(this.#options).info(`${name} ${how} ${contract.name} ${where}`)
    } catch (thrown) {
      const error = BusbarError.from(thrown, 'CONFIG_INVALID', 'subscribing')
      throw new BusbarError(error.code, `${name}, @${decorator}: ${error.message}`, { cause: error })
    }
  }
}

function busOf(options: BusbarModuleOptions): Bus {
  return createBus({ ...options, logger: loggerOf(options) })
}

function loggerOf({ logger = nestLogger() }: BusbarModuleOptions) {
  return logger
}

/** Both would be injected under one token, and each would call every handler. */
function refuseSecondModule(modules: ModulesContainer): void {
  const found = [...modules.values()].filter(({ metatype }) => metatype === BusbarModule)
  if (found.length < 2) return
  throw new BusbarError(
    'CONFIG_INVALID',
    `BusbarModule is imported ${found.length} times with options: an application has one bus, import it once, in its root module`,
  )
}
