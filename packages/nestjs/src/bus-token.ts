import { Inject } from '@nestjs/common'

/** The token of the application's bus, for `app.get<Bus>(BUS)`, factories and overrides in tests. */
export const BUS: unique symbol = Symbol(
  'the bus of @busbar/nestjs: import BusbarModule.forRoot(…) in the root module',
)

/** Injects the bus: `constructor(@InjectBus() private readonly bus: Bus)`. */
export function InjectBus(): ParameterDecorator & PropertyDecorator {
  return Inject(BUS)
}
