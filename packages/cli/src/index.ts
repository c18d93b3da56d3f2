export {
  type AsyncApiDocument,
  type AsyncApiOptions,
  type AsyncApiServer,
  asyncApi,
} from './asyncapi/async-api.js'
export type { Contract } from './contracts/contract.js'
