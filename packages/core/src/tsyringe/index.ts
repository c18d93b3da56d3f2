export { deliveryContext } from './delivery-context.js'
export { type HandlerDecorator, handles, replies } from './handler-decorators.js'
export type { HandlerClass, RegisteredHandlers } from './handler-source.js'
export { registerHandlers } from './register-handlers.js'
