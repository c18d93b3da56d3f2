import { BusbarError } from '../error.js'

/**
 * The token of the context of the delivery that an instance is made for:
 * `constructor(@inject(deliveryContext) context: EventContext)`. A singleton must not take it: it would keep one for ever.
 */
export const deliveryContext: unique symbol = Symbol('busbar.deliveryContext')

/** How often the stand-in was injected, and how often something read it. */
export const standInUse = { taken: 0, read: 0 }

/**
 * Provides what takes the place of the context where there is no delivery, as at the start: it can be kept, and whatever
 * reads it throws.
 */
export const contextStandIn = {
  useFactory: () => {
    standInUse.taken += 1
    return standIn
  },
}

const refuse = (): never => {
  standInUse.read += 1
  throw new BusbarError(
    'CONFIG_INVALID',
    'the context of a delivery was read where there is none: only what is made for a delivery can read it',
  )
}
const standIn = new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse })
